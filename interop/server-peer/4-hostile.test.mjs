// A server that breaks the rules: a clear error, a reconnection at the pace of the backoff, and the program lives on.
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Driver, beyond } from './helpers.mjs'
import { CONNECTED, Hostile, OPEN, frames, scripted, text } from './hostile.mjs'
import { RS } from '../lib/wire.mjs'
import { until } from '../lib/util.mjs'

let driver, hostile
before(async () => {
  hostile = await Hostile.start(() => driver.told('connect'))
})
// One that died fails its own test, not all that follow.
beforeEach(async () => {
  if (!driver || driver.ended) driver = await Driver.start()
})
after(async () => {
  await driver?.stop()
  await hostile?.stop()
})
afterEach(async () => {
  hostile.clear()
  await driver.release()
})

const DELAY = 60
const OPTIONS = { reconnectionDelay: DELAY, reconnectionDelayMax: DELAY, randomizationFactor: 0, timeout: 500 }

/// Meets `evil` several times; tells of it as `notice`; is fine once the server is good again.
async function meets(evil, transports, notice, { attempts = 3, each = 8 } = {}) {
  hostile.turn(evil)
  const begun = performance.now()
  const client = await driver.open(hostile.url, { ...OPTIONS, transports })
  if (notice) {
    const [kind, text] = Object.entries(notice)[0]
    const told = await client.next(kind)
    assert.match(told.message ?? told.reason, text)
    if (kind === 'connect_error') assert(told.data === null || typeof told.data === 'object')
  }
  await until(() => hostile.handshakes.length >= attempts, `${attempts} attempts`)
  // The pace: between two attempts lies a whole delay (timers may be a little early), and one attempt is few requests. The first
  // handshake may be seen late on a busy machine, so the time runs from before it.
  const { handshakes, requests } = hostile
  const elapsed = handshakes[attempts - 1] - begun
  assert(elapsed >= (attempts - 1) * DELAY * 0.8, `${attempts} attempts within ${elapsed} ms`)
  assert(requests <= handshakes.length * each, `${requests} requests for ${handshakes.length} attempts`)

  hostile.turn(undefined)
  await until(async () => (await client.result(await client.call('echo', ['good'], { timeout: 2000 }))).args, 'an answer of the good server')
  const { connected } = await client.state()
  assert.equal(connected, true)
  const periods = client.log.filter(({ ev }) => ev === 'connect' || ev === 'disconnect').map(({ ev }) => ev)
  assert(periods.every((ev, i) => ev === (i % 2 ? 'disconnect' : 'connect')), `connect and disconnect alternate: ${periods}`)
}

const ERROR = { connect_error: /\S/ }
const BOTH = ['polling', 'websocket']

describe('an answer that is no handshake', () => {
  const body = (status, content, headers = {}) => ({ request: (req, res) => res.writeHead(status, headers).end(content) })
  const raw = (...parts) => ({
    request(req, { socket }) {
      for (const part of parts) socket.write(part)
      socket.end()
    },
  })
  const cases = {
    '200 with HTML': body(200, '<!doctype html><html><body>It works!</body></html>', { 'content-type': 'text/html' }),
    '200 with nothing': body(200, ''),
    '200 with JSON': body(200, '{"hello":"world"}'),
    'an unknown packet type': body(200, '9{}'),
    'a separator alone': body(200, RS),
    'base64 that is none': body(200, 'b***'),
    '204': body(204),
    '400 with the error of Engine.IO': body(400, '{"code":0,"message":"Transport unknown"}'),
    '401': body(401, 'who are you?', { 'www-authenticate': 'Basic realm="x"' }),
    '403': body(403, 'no'),
    '404': body(404, 'not found'),
    '413': body(413, ''),
    '500 with HTML': body(500, '<h1>Internal Server Error</h1>'),
    '503 with retry-after': body(503, '', { 'retry-after': '1' }),
    'a redirection to nowhere': body(302, '', { location: '/gone' }),
    'a connection that ends at once': { request: (req, { socket }) => socket.destroy() },
    'an end in the midst of the head': raw('HTTP/1.1 200 OK\r\nContent-Len'),
    'an end in the midst of the body': raw('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n0{"sid":"ev'),
    'an end in the midst of a chunk': raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n0{"sid"'),
    'something that is not HTTP': raw('SSH-2.0-OpenSSH_9.6\r\n'),
    'a broken length': raw('HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'),
    'a head without end': { request: (req, { socket }) => socket.write(`HTTP/1.1 200 OK\r\n${`X-Filler: ${'x'.repeat(1000)}\r\n`.repeat(2000)}`) },
    'an answer that never comes': { request() {} },
    'a body that never ends': {
      request(req, res) {
        const timer = setInterval(() => res.write('x'.repeat(10_000)), 5)
        res.on('close', () => clearInterval(timer))
      },
    },
  }
  for (const [name, evil] of Object.entries(cases)) test(name, () => meets(evil, ['polling'], ERROR))

  test('an OPEN packet of bytes that are no UTF-8', beyond('dies of it'), () =>
    meets(body(200, Buffer.from([0x30, 0xff, 0xfe, 0x80])), ['polling'], ERROR))

  test('more than a client should keep', beyond('keeps all of it, and stands still'), async () => {
    const chunk = Buffer.alloc(1 << 20, 'x')
    let sent = 0
    await meets({
      request(req, res) {
        const fill = () => {
          while (!res.destroyed && sent < 4e9) {
            sent += chunk.length
            if (!res.write(chunk)) return res.once('drain', fill)
          }
        }
        fill()
      },
    }, ['polling'], ERROR)
  })
})

describe('a broken OPEN packet', () => {
  const dies = (reason) => beyond(reason)
  const cases = [
    ['without payload', '0', dies('dies of it: JSON.parse throws')],
    ['no JSON', '0{"sid"', dies('dies of it: JSON.parse throws')],
    ['null', '0null', dies('dies of it: it reads a property of null')],
    ['a string', '0"sid"', dies('takes it')],
    ['an array', '0[]', dies('takes it')],
    ['without sid', '0{"upgrades":[],"pingInterval":25000,"pingTimeout":20000}', dies('takes it, and asks for sessions for ever')],
    ['an empty sid', OPEN({ sid: '' }), dies('takes it')],
    ['a sid that is no text', OPEN({ sid: 5 }), dies('takes it')],
    ['without pingInterval', OPEN({ pingInterval: undefined }), dies('takes it')],
    ['a pingInterval that is no number', OPEN({ pingInterval: 'soon' }), dies('takes it')],
    ['a negative pingTimeout', OPEN({ pingTimeout: -5 }), dies('takes it')],
    ['upgrades that are no list', OPEN({ upgrades: 'websocket' }), dies('takes it')],
    ['another packet in its place', '4hello', dies('waits')],
    ['a pong in its place', '3', dies('waits')],
    ['garbage in its place', 'garbage'],
  ]
  for (const transport of BOTH) {
    for (const [name, packet, options = {}] of cases) {
      test(`${name} (${transport})`, options, () => meets(scripted({ first: [packet] }), [transport], ERROR))
    }
  }
  test('binary in its place (websocket)', beyond('waits'), () => meets(scripted({ first: [Buffer.from('0{}')] }), ['websocket'], ERROR))
})

describe('a namespace that is not answered properly', () => {
  for (const transport of BOTH) {
    test(`CONNECT without a session id (${transport})`, async () => {
      hostile.turn(scripted({ then: ['40'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.match((await client.next('connect_error')).message, /\S/)
      assert.equal((await client.state()).connected, false)
    })
    test(`an empty session id (${transport})`, async () => {
      hostile.turn(scripted({ then: ['40{"sid":""}'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.match((await client.next('connect_error')).message, /\S/)
      assert.equal((await client.state()).connected, false)
    })
    test(`a refusal without payload (${transport})`, beyond('dies of it'), async () => {
      hostile.turn(scripted({ then: ['44'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.match((await client.next('connect_error')).message, /\S/)
      hostile.turn(undefined)
      await client.connect()
      assert.deepEqual(await client.ask('echo', 1), [1])
    })
    test(`a refusal that is a mere text (${transport})`, async () => {
      hostile.turn(scripted({ then: ['44"just no"'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.equal(typeof (await client.next('connect_error')).message, 'string')
      const { connected, active } = await client.state()
      assert.deepEqual([connected, active], [false, false])
    })
    test(`the answer for another namespace (${transport})`, async () => {
      hostile.turn(scripted({ then: ['40/other,{"sid":"x"}', '44/other,{"message":"no"}', '42/other,["x"]', CONNECTED] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.equal((await client.next('connect')).id, 'namespace')
      assert.deepEqual(client.log.map(({ ev }) => ev), ['connect'])
    })
    test(`events and answers before the CONNECT (${transport})`, beyond('tells of them before it tells of the connection'), async () => {
      hostile.turn(scripted({ then: ['42["early",1]', '43100[1]', CONNECTED, '42["late",2]'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      assert.deepEqual(await client.event('late'), [2])
      assert.deepEqual(client.log.map(({ ev, name }) => name ?? ev), ['connect', 'early', 'late'])
    })
  }
})

describe('packets that are none, in a session that was fine', () => {
  const place = (num) => `{"_placeholder":true,"num":${num}}`
  const PARSE = { disconnect: /^parse error$/ }
  const TRANSPORT = { disconnect: /^transport (error|close)$/ }
  const cases = [
    ['an unknown type of Engine.IO', ['9'], TRANSPORT],
    ['an unknown type of Socket.IO', ['49'], PARSE],
    ['no type of Socket.IO', ['4abc'], PARSE],
    ['an empty message', ['4'], PARSE, beyond('takes it for a CONNECT')],
    ['a leading blank', ['4 2["x"]'], PARSE, beyond('takes it for a CONNECT')],
    ['an EVENT that is no JSON', ['42[1,'], PARSE],
    ['an EVENT without payload', ['42'], PARSE, beyond('takes it')],
    ['an EVENT with an object', ['42{"a":1}'], PARSE],
    ['an EVENT without a name', ['42[]'], PARSE],
    ['an EVENT whose name is no text', ['42[{}]'], PARSE],
    ['a reserved name', ['42["disconnect"]'], PARSE],
    ['an ACK with an object', ['430{}'], PARSE],
    ['a DISCONNECT with payload', ['41{}'], PARSE],
    ['a number as long as a book', [`42["x",${'9'.repeat(100_000)}e]`], PARSE],
    ['attachments, but no count', ['45["x"]'], PARSE],
    ['a count that is no number', ['45x-["x"]'], PARSE],
    ['a count of zero', ['450-["x"]'], PARSE],
    ['a negative count', ['45-1-["x"]'], PARSE],
    ['a count with an exponent', [`451e1-["x",${place(0)}]`], PARSE, beyond('takes it for ten')],
    ['too many attachments', [`459999999999-["x",${place(0)}]`], PARSE],
    ['a placeholder beyond the attachments', [`451-["x",${place(1)}]`, Buffer.from('a')], PARSE],
    ['a negative placeholder', [`451-["x",${place(-1)}]`, Buffer.from('a')], PARSE],
    ['a placeholder without a number', ['451-["x",{"_placeholder":true}]', Buffer.from('a')], PARSE],
    ['text in the midst of a binary packet', [`452-["x",${place(0)},${place(1)}]`, Buffer.from('a'), '42["y"]'], PARSE],
    ['binary that belongs to nothing', [Buffer.from('alone')], PARSE],
    ['an attachment too many', [`451-["x",${place(0)}]`, Buffer.from('a'), Buffer.from('b')], PARSE],
  ]
  for (const transport of BOTH) {
    for (const [name, packets, notice, options = {}] of cases) {
      test(`${name} (${transport})`, options, () => meets(scripted({ then: [CONNECTED], later: packets }), [transport], notice))
    }
  }
  test('base64 that is none (polling)', beyond('decodes what it can'), () => meets(scripted({ then: [CONNECTED], later: ['b*!*'] }), ['polling'], TRANSPORT))
  test('HTML in the place of packets (polling)', () => meets(scripted({ then: [CONNECTED], later: ['<html></html>'] }), ['polling'], TRANSPORT))
  test('an empty frame (websocket)', () => meets(scripted({ then: [CONNECTED], later: [''] }), ['websocket'], TRANSPORT))
  test('CLOSE (websocket)', beyond('ignores it'), () => meets(scripted({ then: [CONNECTED], later: ['1'] }), ['websocket'], TRANSPORT))
  test('CLOSE (polling)', () => meets(scripted({ then: [CONNECTED], later: ['1'] }), ['polling'], TRANSPORT))
  test('DISCONNECT at once', async () => {
    hostile.turn(scripted({ then: [CONNECTED], later: ['41'] }))
    const client = await driver.open(hostile.url, OPTIONS)
    assert.equal((await client.next('disconnect')).reason, 'io server disconnect')
    assert.equal((await client.state()).active, false)
  })

  for (const transport of BOTH) {
    test(`what is merely odd is passed over (${transport})`, async () => {
      const odd = ['3', '3probe', '6', '43100["nobody asked"]', '42/nowhere,["x"]', '41/nowhere,', '42["odd",{"_placeholder":true,"num":5}]']
      hostile.turn(scripted({ then: [CONNECTED, ...odd, '42["end"]'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      await client.event('end')
      assert.deepEqual(client.log.map(({ ev, name }) => name ?? ev), ['connect', 'odd', 'end'])
    })
    test(`JSON of great depth harms its own event at most (${transport})`, async () => {
      hostile.turn(scripted({ then: [CONNECTED, `42["deep",${'['.repeat(20_000)}${']'.repeat(20_000)}]`, '42["end"]'] }))
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: [transport] })
      await client.event('end')
      assert(client.log.every(({ ev }) => ev === 'connect' || ev === 'event'))
    })
  }

  test('attachments that never come: the next text ends it', () =>
    meets(scripted({ then: [CONNECTED], later: [`453-["x",${place(0)}]`, Buffer.from('a'), '42["y"]'] }), ['websocket'], PARSE))

  test('a session that is never pinged', () =>
    meets(scripted({ first: [OPEN({ pingInterval: 100, pingTimeout: 100 })], then: [CONNECTED] }), ['websocket'], { disconnect: /^ping timeout$/ }))

  test('polls that are refused', () => {
    const good = scripted({ then: [CONNECTED] })
    let polls = 0
    return meets({
      request(req, res) {
        if (!/sid=/.test(req.url)) polls = 0
        else if (req.method === 'GET' && ++polls > 1) return res.writeHead(400).end('{"code":1,"message":"Session ID unknown"}')
        good.request(req, res)
      },
    }, ['polling'], { disconnect: /^transport error$/ })
  })

  for (const [name, answer] of [['refused', (res) => res.writeHead(500).end()], ['cut', (res) => res.socket.destroy()]]) {
    test(`POSTs that are ${name}`, async () => {
      hostile.turn({ ...scripted({}), request: (req, res) => (req.method === 'POST' ? answer(res) : scripted({}).request(req, res)) })
      const client = await driver.open(hostile.url, { ...OPTIONS, transports: ['polling'] })
      await until(() => hostile.handshakes.length >= 3, 'three attempts')
      const [first, , third] = hostile.handshakes
      assert(third - first >= 2 * DELAY * 0.8)
      hostile.turn(undefined)
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 1), [1])
    })
  }
})

describe('WebSocket', () => {
  const head = (...lines) => ({
    upgrade(req, socket) {
      socket.on('data', () => {})
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      socket.end()
    },
  })
  const good = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  const refused = {
    'refused with 400': head('HTTP/1.1 400 Bad Request', 'Content-Length: 0'),
    'refused with 403 and a text': head('HTTP/1.1 403 Forbidden', 'Content-Length: 2', '', 'no'),
    'answered with 200': head('HTTP/1.1 200 OK', 'Content-Length: 2', '', 'ok'),
    'answered with 426': head('HTTP/1.1 426 Upgrade Required', 'Content-Length: 0'),
    'a redirection': head('HTTP/1.1 301 Moved Permanently', 'Location: /gone', 'Content-Length: 0'),
    'a wrong Sec-WebSocket-Accept': head(...good, 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='),
    'no Sec-WebSocket-Accept': head(...good),
    'no Upgrade header': head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade'),
    'another protocol': head('HTTP/1.1 101 Switching Protocols', 'Upgrade: h2c', 'Connection: Upgrade'),
    'garbage': head('garbage'),
    'an end at once': { upgrade: (req, socket) => socket.destroy() },
    'never answered': { upgrade() {} },
  }
  for (const [name, evil] of Object.entries(refused)) test(name, () => meets(evil, ['websocket'], ERROR))

  const opened = text(OPEN())
  const connected = text(CONNECTED)
  const broken = [
    ['a masked frame', [0x81, 0x81, 1, 2, 3, 4, 0x35]],
    ['reserved bits', [0xc1, 1, 0x36]],
    ['an unknown opcode', [0x83, 1, 0x36]],
    ['text that is no UTF-8', [0x81, 3, 0x34, 0xff, 0xfe]],
    ['a fragmented control frame', [0x09, 1, 0x36]],
    ['a control frame too long', [0x89, 126, 1, 0, ...Buffer.alloc(256)]],
    ['a continuation of nothing', [0x80, 1, 0x36]],
    ['a text in the midst of a text', [0x01, 1, 0x34, 0x81, 1, 0x36]],
    ['a close code that must not be', [0x88, 2, 0x03, 0xed]],
    ['a close frame of one byte', [0x88, 1, 3]],
    ['a length beyond every bound', [0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ['a frame that never ends', [0x81, 127, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, ...Buffer.alloc(1000, 'x')], 'end'],
    ['the end in the midst of a frame', [0x81, 100, 0x34, 0x32], 'end'],
    ['a close frame', [0x88, 2, 0x03, 0xe8], 'end'],
    ['a close frame without code', [0x88, 0], 'end'],
    ['the end without a close frame', 'end'],
    ['a reset', 'destroy'],
  ]
  for (const [name, ...bytes] of broken) {
    test(`${name}, in a session that was fine`, () => meets(frames(opened, 'asked', connected, 'told', ...bytes), ['websocket'], { disconnect: /^(transport (error|close)|parse error)$/ }))
  }
  test('a close frame before the OPEN packet', () => meets(frames([0x88, 2, 0x03, 0xe8], 'end'), ['websocket'], ERROR))
  test('the end before the OPEN packet', () => meets(frames('end'), ['websocket'], ERROR))
  test('nothing but silence', () => meets(frames(), ['websocket'], ERROR))
})

describe('an upgrade that goes wrong: polling stays', () => {
  const first = [OPEN({ sid: 'x', upgrades: ['websocket'] })]
  const probe = (answer) => ({
    upgrade(req, socket, rest) {
      scripted({ first: [] }).upgrade(req, socket, rest)
      answer?.(socket)
    },
  })
  const cases = {
    'refused': { upgrade: (req, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n') },
    'cut': { upgrade: (req, socket) => socket.destroy() },
    'never answered': { upgrade() {} },
    'a silent WebSocket': frames(),
    'the wrong answer to the probe': frames(text('3wrong')),
    'a message in the place of the answer': frames(text('4early')),
    'garbage in the place of the answer': frames(text('garbage')),
    'binary in the place of the answer': frames([0x82, 1, 7]),
    'an OPEN packet in the place of the answer': frames(text(OPEN({ sid: 'other' }))),
    'closed at once': frames([0x88, 2, 0x03, 0xe8], 'end'),
    'a broken frame': frames([0xc1, 1, 0x36]),
  }
  for (const [name, evil] of Object.entries(cases)) {
    test(name, async () => {
      hostile.turn(evil)
      const client = await driver.connected(hostile.url, OPTIONS)
      await until(() => hostile.requests >= 1, 'the upgrade request')
      for (let i = 0; i < 5; i++) assert.deepEqual(await client.ask('echo', i, Buffer.from([i])), [i, Buffer.from([i])])
      assert.equal((await client.state()).transport, 'polling')
      assert.equal(client.all('disconnect').length, 0)
      assert.equal(client.all('upgrade').length, 0)
      assert.equal(hostile.requests, 1)
    })
  }
  test('upgrades that nobody knows', async () => {
    hostile.turn(scripted({ first: [OPEN({ upgrades: ['carrier-pigeon', 'webtransport', ''] })], then: [CONNECTED] }))
    const client = await driver.connected(hostile.url, OPTIONS)
    assert.equal((await client.state()).transport, 'polling')
  })
})

test('after all of that the program is alive, and as busy as it should be', async () => {
  const client = await driver.connected(hostile.url)
  assert.deepEqual(await client.ask('echo', 1), [1])
  assert.equal(driver.ended, undefined)
})
