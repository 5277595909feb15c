// The chat example in a real browser: two people, a picture, a restart.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import { freePort, start } from '../lib/peer.mjs'
import { at, enter as enterPage, heard, say, shown, state } from './chat.mjs'
import { launch, needsBrowser, person } from './chromium.mjs'

/// A small PNG that nobody has seen before, so that what arrives is what was sent.
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
    return n >>> 0
  })
  const crc = (bytes) => ~bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), -1) >>> 0
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc(body))
    return Buffer.concat([length, body, check])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 2], 8)
  const rows = Buffer.from(Array.from({ length: height * (1 + width * 3) }, (_, i) => (i % (1 + width * 3) ? (i * 37) % 256 : 0)))
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

describe('the chat page', needsBrowser, () => {
  let browser, server, port
  const pages = []
  const serve = () => start('chat', { env: { PORT: String(port) }, port })

  before(async () => {
    browser = await launch()
    port = await freePort()
    server = await serve()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  afterEach(async () => {
    const problems = pages.flatMap((page) => page.problems)
    await Promise.all(pages.splice(0).map((page) => page.context().close()))
    assert.deepEqual(problems, [], 'no errors in the pages')
  })

  async function enter(name, options) {
    const page = await person(browser)
    pages.push(page)
    await enterPage(page, port, name, options)
    return page
  }

  test('opens, connects by polling, and the upgrade to WebSocket is seen', async () => {
    const page = await person(browser)
    pages.push(page)
    const requests = []
    const sockets = []
    page.on('request', (request) => requests.push(new URL(request.url()).searchParams.get('transport')))
    page.on('websocket', (socket) => sockets.push(socket.url()))
    await page.goto(`http://127.0.0.1:${port}/`)
    assert.equal(await page.title(), 'Chat')
    await state(page, 'websocket')
    await at(page, 'name-input').fill('Ann')
    await at(page, 'name-submit').click()
    await shown(page, 'me', 'Ann')
    assert.ok(requests.includes('polling'), 'began with polling')
    assert.equal(sockets.length, 1)
    assert.match(sockets[0], /^ws:\/\/127\.0\.0\.1:\d+\/socket\.io\/\?.*transport=websocket.*sid=/)
  })

  test('a name that is typed before the connection is there is kept', async () => {
    const page = await person(browser)
    pages.push(page)
    let release
    const held = new Promise((resolve) => (release = resolve))
    await page.route('**/socket.io/?*', async (route) => {
      await held
      await route.continue()
    })
    await page.goto(`http://127.0.0.1:${port}/?transports=polling`)
    await at(page, 'name-input').fill('Ann')
    release()
    await state(page, 'polling')
    assert.equal(await at(page, 'name-input').inputValue(), 'Ann')
  })

  for (const [how, query, transport] of [['with the upgrade', '', 'websocket'], ['over polling only', '?transports=polling', 'polling'], ['over WebSocket only', '?transports=websocket', 'websocket']]) {
    test(`two people talk both ways, ${how}`, async () => {
      const room = `talk-${how.length}`
      const ann = await enter('Ann', { query, room, transport })
      const ben = await enter('Ben', { query, room, transport })
      await say(ann, 'Hello Ben, <b>how</b> are you? 😀')
      await heard(ben, 'Ann', 'Hello Ben, <b>how</b> are you? 😀')
      await say(ben, 'Fine!')
      await heard(ann, 'Ben', 'Fine!')
      for (let i = 0; i < 10; i++) await say(i % 2 ? ben : ann, `line ${i}`)
      await heard(ben, 'Ann', 'line 8')
      await heard(ann, 'Ben', 'line 9')
      for (const page of [ann, ben]) {
        await at(page, 'message', '[data-own=true][data-state=sent]').nth(5).waitFor()
        const lines = (await at(page, 'text').allTextContents()).filter((text) => text.startsWith('line')).sort()
        assert.deepEqual(lines, Array.from({ length: 10 }, (_, i) => `line ${i}`), 'each line once')
      }
    })
  }

  test('who is here, and who types', async () => {
    const ann = await enter('Ann', { room: 'garden' })
    const ben = await enter('Ben', { room: 'garden' })
    for (const page of [ann, ben]) {
      await at(page, 'person', '[data-name=Ann]').waitFor()
      await at(page, 'person', '[data-name=Ben]').waitFor()
      assert.equal(await at(page, 'person').count(), 2)
    }
    await shown(ann, 'notice', 'Ben joined')
    await at(ben, 'composer-input').pressSequentially('Let me think')
    await shown(ann, 'typing', 'Ben is typing')
    await at(ben, 'composer-input').press('Enter')
    await heard(ann, 'Ben', 'Let me think')
    await ann.waitForFunction(() => document.querySelector('[data-testid=typing]').textContent === '')
    await ben.context().close()
    pages.splice(pages.indexOf(ben), 1)
    await shown(ann, 'notice', 'Ben left')
    await at(ann, 'person', '[data-name=Ben]').waitFor({ state: 'detached' })
  })

  test('rooms keep apart what is said', async () => {
    const ann = await enter('Ann', { room: 'north' })
    const ben = await enter('Ben', { room: 'south' })
    await at(ann, 'room', '[data-room=south]').waitFor()
    await say(ben, 'only the south hears this')
    await at(ben, 'message', '[data-own=true][data-state=sent]').waitFor()
    await at(ann, 'room', '[data-room=south]').click()
    await shown(ann, 'room-title', 'south')
    await heard(ann, 'Ben', 'only the south hears this') // from the history
    await say(ann, 'here I am')
    await heard(ben, 'Ann', 'here I am')
  })

  test('a change of name is seen, and one that the server refuses is said', async () => {
    const ann = await enter('Ann', { room: 'names' })
    const ben = await enter('Ben', { room: 'names' })
    await at(ann, 'me').click()
    await at(ann, 'name-input').evaluate((input) => input.removeAttribute('maxlength'))
    await at(ann, 'name-input').fill('A'.repeat(25))
    await at(ann, 'name-submit').click()
    await shown(ann, 'name-error', 'A name has 1 to 24 characters.')
    await at(ann, 'name-input').fill('Anna')
    await at(ann, 'name-submit').click()
    await shown(ben, 'notice', 'Ann is now Anna')
    await at(ben, 'person', '[data-name=Anna]').waitFor()
    // Others may hear of it before the dialog closes; until then nothing behind it takes keys.
    await at(ann, 'welcome').waitFor({ state: 'hidden' })
    await say(ann, 'still me')
    await heard(ben, 'Anna', 'still me')
  })

  test('who comes later reads what was said, without the images; one that is too big is not sent', async () => {
    const ann = await enter('Ann', { room: 'late' })
    await say(ann, 'first')
    await at(ann, 'file-input').setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: png(20, 20) })
    await at(ann, 'message', '[data-state=sent]').nth(1).waitFor()
    await at(ann, 'file-input').setInputFiles({ name: 'big.png', mimeType: 'image/png', buffer: Buffer.alloc(900_001) })
    await shown(ann, 'alert', 'big.png')
    const ben = await enter('Ben', { room: 'late' })
    await heard(ben, 'Ann', 'first')
    await shown(ben, 'missing-image', 'small.png')
    assert.equal(await at(ben, 'message').count(), 2)
  })

  for (const [how, query, transport] of [['binary frames', '', 'websocket'], ['base64 over polling', '?transports=polling', 'polling']]) {
    test(`an image arrives whole and is shown, by ${how}`, async () => {
      const room = `pictures-${transport}`
      const ann = await enter('Ann', { query, room, transport })
      const ben = await enter('Ben', { query, room, transport })
      const binary = []
      if (transport === 'websocket') {
        // The frames of Ben's connection from here on.
        const session = await ben.context().newCDPSession(ben)
        await session.send('Network.enable')
        session.on('Network.webSocketFrameReceived', ({ response }) => response.opcode === 2 && binary.push(Buffer.from(response.payloadData, 'base64').length))
      }
      const image = png(120, 80)
      await at(ann, 'file-input').setInputFiles({ name: 'noise.png', mimeType: 'image/png', buffer: image })
      await at(ann, 'message', '[data-kind=image][data-own=true][data-state=sent]').waitFor()
      const picture = at(ben, 'image')
      await picture.waitFor()
      await ben.waitForFunction(() => document.querySelector('[data-testid=image]').naturalWidth > 0)
      const seen = await picture.evaluate(async (img) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: img.naturalWidth, height: img.naturalHeight })
        const context = canvas.getContext('2d')
        context.drawImage(img, 0, 0)
        return { width: img.naturalWidth, height: img.naturalHeight, data: { ...img.dataset }, pixel: [...context.getImageData(1, 0, 1, 1).data] }
      })
      assert.deepEqual([seen.width, seen.height], [120, 80])
      assert.equal(Number(seen.data.bytes), image.length)
      assert.equal(seen.data.type, 'image/png')
      assert.deepEqual(seen.pixel.slice(0, 3), [4, 5, 6].map((i) => (i * 37) % 256))
      if (transport === 'websocket') assert.deepEqual(binary, [image.length], 'one binary frame, exactly the file')
    })
  }

  for (const [how, query, transport] of [['on WebSocket', '', 'websocket'], ['on polling', '?transports=polling', 'polling']]) {
    test(`the server is killed and started again: the pages come back by themselves, ${how}`, async () => {
      const room = `restart-${transport}`
      const ann = await enter('Ann', { query, room, transport })
      const ben = await enter('Ben', { query, room, transport })
      await say(ann, 'before')
      await heard(ben, 'Ann', 'before')
      await server.stop('SIGKILL')
      await state(ann, 'reconnecting')
      await state(ben, 'reconnecting')
      await say(ann, 'written meanwhile')
      await at(ann, 'message', '[data-state=waiting]').waitFor()
      server = await serve()
      await state(ann, transport)
      await state(ben, transport)
      await heard(ben, 'Ann', 'written meanwhile')
      await at(ben, 'person', '[data-name=Ann]').waitFor()
      await say(ben, 'after')
      await heard(ann, 'Ben', 'after')
      assert.equal(await at(ann, 'text').getByText('before', { exact: true }).count(), 1, 'the log is kept')
      assert.equal(await at(ann, 'text').getByText('written meanwhile', { exact: true }).count(), 1)
    })
  }

  test('a reload goes straight back in', async () => {
    const ann = await enter('Ann', { room: 'reload' })
    await ann.reload()
    await shown(ann, 'room-title', 'reload')
    await state(ann, 'websocket')
    await shown(ann, 'me', 'Ann')
  })
})
