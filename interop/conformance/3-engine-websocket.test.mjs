// Engine.IO over WebSocket, and every way through the upgrade.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import net from 'node:net'
import { once } from 'node:events'
import { RS, Target, taken, upgradeRequest } from '../lib/wire.mjs'
import { conformanceServer, differs } from '../lib/peer.mjs'
import { within } from '../lib/util.mjs'
import { pick, refusedAfterUpgrade, upgraded } from './engine.mjs'

let server, small, brief, target, slowProbe
before(async () => {
  server = await conformanceServer('--ping', '25000/20000')
  small = await conformanceServer('--ping', '25000/20000', '--max-payload', 1000)
  brief = await conformanceServer('--ping', '300/3000')
  target = new Target(server.eio, '/engine.io/')
  slowProbe = unfinishedProbe()
  slowProbe.catch(() => {})
})
after(() => Promise.all([server?.stop(), small?.stop(), brief?.stop()]))

async function unfinishedProbe() {
  const session = await target.polling()
  const ws = session.probe()
  await ws.send('2probe')
  assert.equal(await ws.text(), '3probe')
  const end = await ws.closed()
  await session.post('4on')
  const answers = [(await session.get()).text]
  if (answers[0] === '6') answers.push((await session.get()).text)
  return { end, last: answers.at(-1) }
}

const echo = async (ws, text = '4still here') => {
  await ws.send(text)
  assert.equal(await ws.text(), text)
}
const alive = async (session, text = '4still polling') => {
  assert.deepEqual(pick(await session.post(text)), [200, 'ok'])
  assert.deepEqual(pick(await session.get()), [200, text])
}

/// A client frame as bytes, masked with zeros so that the payload stays readable.
function frame(first, payload, masked = true) {
  assert.ok(payload.length < 126)
  return Buffer.concat([Buffer.from([first, payload.length | (masked ? 0x80 : 0)]), masked ? Buffer.alloc(4) : Buffer.alloc(0), payload])
}

/// Opens a session by hand, sends `parts` after the OPEN frame came, and returns all server frames as `[opcode, payload]`.
async function byHand(port, ...parts) {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let bytes = Buffer.alloc(0)
  const end = once(socket, 'close')
  const opened = new Promise((resolve) => {
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.includes('"maxPayload"')) resolve()
    })
  })
  socket.write(upgradeRequest('/engine.io/?EIO=4&transport=websocket'))
  await within(opened, 'OPEN')
  for (const part of parts) socket.write(part)
  try {
    await within(end, 'the server to end the connection')
  } finally {
    socket.destroy()
  }
  const frames = []
  let rest = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
  while (rest.length >= 2) {
    let length = rest[1] & 127, at = 2
    if (length === 126) [length, at] = [rest.readUInt16BE(2), 4]
    frames.push([rest[0] & 15, rest.subarray(at, at + length)])
    rest = rest.subarray(at + length)
  }
  return frames
}

async function assertCloseCode(code, ...parts) {
  const [opcode, payload] = (await byHand(server.eio, ...parts)).at(-1)
  assert.equal(opcode, 8)
  assert.deepEqual(payload.length ? payload.readUInt16BE(0) : undefined, code)
}

describe('websocket', () => {
  test('the 101 names no extension and no protocol', async () => {
    const ws = target.ws('EIO=4&transport=websocket', { deflate: true })
    await ws.open()
    assert.equal(ws.head.headers['sec-websocket-extensions'], undefined)
    assert.equal(ws.head.headers['sec-websocket-protocol'], undefined)
    await ws.next()
    await echo(ws)
    ws.close()
  })

  for (const text of ['4', '4😀€', '4\u0000\u2028', `4${RS}4no separator here`, `4${'x'.repeat(125)}`, `4${'y'.repeat(70_000)}`, `4${'z'.repeat(999_999)}`]) {
    test(`text comes back as it was: ${JSON.stringify(text.slice(0, 30))}, ${text.length} characters`, async () => {
      const ws = await target.websocket()
      await echo(ws, text)
      ws.close()
    })
  }

  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    test(`binary comes back as it was: ${size} bytes`, async () => {
      const ws = await target.websocket()
      const data = Buffer.from(Array.from({ length: size }, (_, i) => i * 31))
      await ws.send(data)
      assert.ok(data.equals(await ws.next()))
      ws.close()
    })
  }

  test('a thousand messages of both kinds keep their order', async () => {
    const ws = await target.websocket()
    for (let i = 0; i < 1000; i++) await ws.send(i % 2 ? `4${i}` : Buffer.from(String(i)))
    for (let i = 0; i < 1000; i++) {
      const got = await ws.next()
      assert.equal(String(got), i % 2 ? `4${i}` : String(i))
    }
    ws.close()
  })

  test('a message in fragments, cut within a character, with a PING between', async () => {
    const ws = await target.websocket()
    const bytes = Buffer.from('4€uro 😀')
    const pong = once(ws.socket, 'pong')
    await ws.send(bytes.subarray(0, 2), { binary: false, fin: false })
    ws.socket.ping('hello')
    await ws.send(bytes.subarray(2, 9), { fin: false })
    await ws.send(bytes.subarray(9), { fin: true })
    assert.equal(String((await within(pong, 'PONG'))[0]), 'hello')
    assert.equal(await ws.text(), '4€uro 😀')
    ws.close()
  })

  test('a close by the client is answered, code and all', async () => {
    const ws = await target.websocket()
    ws.socket.close(1000)
    assert.equal((await ws.closed()).code, 1000)
  })

  for (const packet of ['0', '3', '5', '6']) {
    test(`a packet that has no meaning here is ignored: ${packet}`, async () => {
      const ws = await target.websocket()
      await ws.send(packet)
      await echo(ws)
      ws.close()
    })
  }

  test('base64 in a text frame is a binary message, as clients without binary frames send it', async () => {
    const ws = await target.websocket()
    await ws.send('bAQIDBA==')
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3, 4]))
    ws.close()
  })

  test('a client that asks for base64 (b64=1) gets text frames only', async () => {
    const ws = target.ws('EIO=4&transport=websocket&b64=1')
    await ws.next()
    await ws.send('bAQIDBA==')
    assert.equal(await ws.next(), 'bAQIDBA==')
    await echo(ws)
    ws.close()
  })

  for (const text of ['abc', '', '9', '{}']) {
    test(`malformed ${JSON.stringify(text)}: a close frame without a code`, async () => {
      const ws = await target.websocket()
      await ws.send(text)
      assert.equal((await ws.closed()).code, 1005)
    })
  }

  test('a PING from the client is against the rules', async () => {
    const ws = await target.websocket()
    await ws.send('2')
    assert.equal((await ws.closed()).code, 1005)
  })

  test('`1` closes at once', differs('ignores it, the session ends by ping timeout'), async () => {
    const ws = await target.websocket()
    await ws.send('1')
    await ws.closed()
  })

  test('a message at the limit is taken, one above it is closed with 1009', async () => {
    const here = new Target(small.eio, '/engine.io/')
    for (const kind of ['text', 'binary']) {
      const make = (size) => (kind === 'text' ? `4${'x'.repeat(size - 1)}` : Buffer.alloc(size, 7))
      const ws = await here.websocket()
      await ws.send(make(1000))
      assert.equal((await ws.next()).length, 1000)
      await ws.send(make(1001))
      assert.equal((await ws.closed()).code, 1009)
    }
  })

  test('the limit holds for the sum of the fragments', async () => {
    const ws = await new Target(small.eio, '/engine.io/').websocket()
    await ws.send(`4${'x'.repeat(599)}`, { fin: false })
    await ws.send('x'.repeat(600), { fin: true })
    assert.equal((await ws.closed()).code, 1009)
  })

  test('text that is no UTF-8: 1007', () => assertCloseCode(1007, frame(0x81, Buffer.from([0x34, 0xff, 0xfe]))))
  test('a reserved bit: 1002', () => assertCloseCode(1002, frame(0xc1, Buffer.from('4x'))))
  test('a reserved opcode: 1002', () => assertCloseCode(1002, frame(0x83, Buffer.from('4x'))))
  test('a frame without a mask: 1002', () => assertCloseCode(1002, frame(0x81, Buffer.from('4x'), false)))
  test('a continuation of nothing: 1002', () => assertCloseCode(1002, frame(0x80, Buffer.from('4x'))))
  test('garbage right behind the request of the upgrade harms nobody', async () => {
    const socket = net.connect(server.eio, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(Buffer.concat([Buffer.from(upgradeRequest('/engine.io/?EIO=4&transport=websocket')), Buffer.alloc(50, 0xff)]))
    await within(once(socket.resume(), 'close'), 'the end of the connection')
    const ws = await target.websocket()
    await echo(ws)
    ws.close()
  })

  test('the request of the upgrade may come in pieces', async () => {
    const bytes = Buffer.from(upgradeRequest('/engine.io/?EIO=4&transport=websocket'))
    const socket = net.connect(server.eio, '127.0.0.1').setNoDelay()
    let text = ''
    const got = new Promise((resolve) => socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes('"maxPayload":1000000}')) resolve()
    }))
    for (let at = 0; at < bytes.length; at += 40) {
      socket.write(bytes.subarray(at, at + 40))
      await taken(socket)
    }
    await within(got, 'OPEN')
    assert.match(text, /^HTTP\/1\.1 101 /)
    socket.destroy()
  })
})

describe('upgrade', () => {
  test('no OPEN on the probing connection', async () => {
    const session = await target.polling()
    const ws = session.probe()
    await ws.sync()
    assert.equal(ws.buffered, 0)
    ws.close()
  })

  test('messages go over polling until `5`, and what waited comes over the WebSocket', async () => {
    const session = await target.polling()
    const ws = session.probe()
    await ws.send('2probe')
    assert.equal(await ws.text(), '3probe')
    await session.post('4by polling')
    let { text } = await session.get()
    if (text === '6') ({ text } = await session.get())
    assert.equal(text, '4by polling')
    await session.post('4first')
    await session.post(`4second${RS}bAQID`)
    assert.equal(ws.buffered, 0)
    await ws.send('5')
    assert.equal(await ws.text(), '4first')
    assert.equal(await ws.text(), '4second')
    assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3]))
    await ws.send('4third')
    assert.equal(await ws.text(), '4third')
    ws.close()
  })

  test('GET and POST are refused after it', async () => {
    const session = await target.polling()
    const ws = await upgraded(session)
    await refusedAfterUpgrade(session)
    assert.deepEqual(pick(await session.post('4x')), [400, '{"code":3,"message":"Bad request"}'])
    await echo(ws)
    ws.close()
  })

  test('the end of the WebSocket after it is the end of the session', async () => {
    const session = await target.polling()
    const ws = await upgraded(session)
    ws.socket.close()
    await ws.closed()
    assert.deepEqual(pick(await session.get()), [400, '{"code":1,"message":"Session ID unknown"}'])
  })

  for (const first of ['4hello', '2', '2other', '3probe', '6', '0', 'abc', '', Buffer.from([1, 2])]) {
    test(`a probe that begins with ${typeof first === 'string' ? JSON.stringify(first) : 'a binary frame'} is closed, polling goes on`, async () => {
      const session = await target.polling()
      const ws = session.probe()
      await ws.send(first)
      assert.equal((await ws.closed()).code, 1005)
      assert.equal(ws.buffered, 0)
      await alive(session)
    })
  }

  test('`5` without `2probe` before it is closed, polling goes on', differs('upgrades'), async () => {
    const session = await target.polling()
    const ws = session.probe()
    await ws.send('5')
    await ws.closed()
    await alive(session)
  })

  test('a message instead of `5` is closed, polling goes on', async () => {
    const session = await target.polling()
    const ws = session.probe()
    await ws.send('2probe')
    assert.equal(await ws.text(), '3probe')
    await ws.send('4x')
    await ws.closed()
    await session.post('4on')
    let { text } = await session.get()
    if (text === '6') ({ text } = await session.get())
    assert.equal(text, '4on')
  })

  test('a probe that goes away, and another one that succeeds', async () => {
    const session = await target.polling()
    const first = session.probe()
    await first.send('2probe')
    assert.equal(await first.text(), '3probe')
    first.socket.close()
    await first.closed()
    const held = await session.hold()
    const second = session.probe()
    await second.send('2probe')
    assert.equal(await second.text(), '3probe')
    assert.deepEqual(pick(await held.response), [200, '6'])
    await second.send('5')
    await echo(second)
    second.close()
  })

  test('a GET still held when `5` comes is released', async () => {
    const session = await target.polling()
    const held = await session.hold()
    const ws = await upgraded(session)
    const { status, text } = await held.response
    assert.equal(status, 200)
    assert.ok(text === '1' || text === '6', text)
    await echo(ws)
    ws.close()
  })

  test('a second probe beside the first is closed, the first succeeds', async () => {
    const session = await target.polling()
    const first = session.probe()
    await first.send('2probe')
    assert.equal(await first.text(), '3probe')
    const second = session.probe()
    assert.equal((await second.closed()).code, 1005)
    assert.equal(second.buffered, 0)
    await first.send('5')
    await echo(first)
    first.close()
  })

  test('closing by POST while probing ends the probe too', async () => {
    const session = await target.polling()
    const ws = session.probe()
    await ws.send('2probe')
    assert.equal(await ws.text(), '3probe')
    assert.deepEqual(pick(await session.post('1')), [200, 'ok'])
    await ws.closed()
    assert.deepEqual(pick(await session.get()), [400, '{"code":1,"message":"Session ID unknown"}'])
  })

  test('a second WebSocket with the id of a WebSocket session disturbs nobody', async () => {
    const ws = await target.websocket()
    const second = target.ws(`EIO=4&transport=websocket&sid=${ws.handshake.sid}`)
    await second.send('2probe').catch(() => {})
    await echo(ws)
    second.close()
    await echo(ws)
    ws.close()
  })

  test('a hundred messages each way across it: none lost, none reordered', async () => {
    const session = await target.polling()
    const got = []
    let polling = true
    const poll = (async () => {
      while (polling) {
        const { status, text } = await session.get()
        assert.equal(status, 200)
        got.push(...text.split(RS).filter((packet) => packet !== '6'))
      }
    })()
    let i = 0
    for (; i < 50; i++) await session.post(`4${i}`)
    const ws = session.probe()
    await ws.send('2probe')
    assert.equal(await ws.text(), '3probe')
    polling = false
    await session.post(`4${i++}`)
    await poll
    await ws.send('5')
    for (; i < 100; i++) await ws.send(`4${i}`)
    while (got.length < 100) got.push(await ws.text())
    assert.deepEqual(got, Array.from({ length: 100 }, (_, n) => `4${n}`))
    ws.close()
  })

  test('a PONG that travels over the WebSocket answers the PING of polling', async () => {
    const session = await new Target(brief.eio, '/engine.io/').polling()
    assert.equal((await session.get()).text, '2')
    const ws = await upgraded(session)
    await ws.send('3')
    for (let i = 0; i < 2; i++) {
      assert.equal(await ws.text(), '2')
      await ws.send('3')
    }
    ws.close()
  })

  test('a PING lost at the swap does not end the heartbeat', differs('has no heartbeat any more if its PONG never comes'), async () => {
    const session = await new Target(brief.eio, '/engine.io/').polling()
    assert.equal((await session.get()).text, '2')
    const ws = await upgraded(session)
    assert.equal(await ws.text(), '2', 'armed again at the swap')
    await ws.closed()
  })

  test('a probe that is never finished is closed after ten seconds, polling goes on', async () => {
    const { end, last } = await slowProbe
    assert.equal(end.code, 1005)
    assert.equal(last, '4on')
  })
})
