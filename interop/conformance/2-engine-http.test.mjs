// Engine.IO over HTTP, byte by byte: statuses, headers and bodies of every answer.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { parseHead, raw, RS, Target, upgradeRequest } from '../lib/wire.mjs'
import { conformanceServer, differs } from '../lib/peer.mjs'
import { ended, pick, untilGone } from './engine.mjs'

const ERRORS = [
  'Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version',
]
const error = (code) => JSON.stringify({ code, message: ERRORS[code] })

let server, small, crossOrigin, target
before(async () => {
  server = await conformanceServer('--ping', '25000/20000')
  small = await conformanceServer('--ping', '25000/20000', '--max-payload', 1000)
  crossOrigin = await conformanceServer('--ping', '25000/20000', '--cors')
  target = new Target(server.eio, '/engine.io/')
})
after(() => Promise.all([server?.stop(), small?.stop(), crossOrigin?.stop()]))

/// The fields that are ours to choose, without those of the connection.
function fields({ headers }) {
  const { date, connection, 'keep-alive': keepAlive, 'transfer-encoding': chunked, ...rest } = headers
  return rest
}

function assertError(answer, code, status = 400) {
  assert.deepEqual(pick(answer), [status, error(code)])
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.equal(answer.headers['cache-control'], undefined)
}

function assertEmpty(answer, status) {
  assert.deepEqual(pick(answer), [status, ''])
  assert.equal(answer.headers['content-type'], undefined)
  assert.equal(answer.headers['cache-control'], undefined)
}

const echo = async (session, text = '4still here') => {
  assert.deepEqual(pick(await session.post(text)), [200, 'ok'])
  assert.deepEqual(pick(await session.get()), [200, text])
}

describe('the path', () => {
  for (const path of ['/engine.io/', '/engine.io']) {
    test(`polling and websocket at ${path}`, async () => {
      const here = new Target(server.eio, path)
      await echo(await here.polling())
      const ws = await here.websocket()
      await ws.send('4x')
      assert.equal(await ws.text(), '4x')
      ws.close()
    })
  }

  test('an empty sid is a handshake, and the last of repeated parameters counts', async () => {
    for (const query of ['EIO=4&transport=polling&sid=', 'EIO=4&transport=polling&sid', 'EIO=3&transport=x&sid=x&EIO=4&transport=polling&sid=']) {
      const { status, text } = await target.get(query)
      assert.deepEqual([status, text[0]], [200, '0'], query)
    }
    assert.deepEqual(pick(await target.get('EIO=4&EIO=3&transport=polling')), [400, error(5)])
    assert.deepEqual(pick(await target.get('EIO=4&transport=polling&sid=&sid=x')), [400, error(1)])
  })

  test('the query may hold more, in any order, percent-encoded', async () => {
    const { status, text } = await target.get('a=b%20c&t=nefyiaz0&transport=polling&x&=&EIO=4&%F0%9F%98%80=1')
    assert.equal(status, 200)
    assert.equal(text[0], '0')
  })
})

describe('answers of a healthy session', () => {
  test('the handshake', async () => {
    const answer = await target.get('EIO=4&transport=polling')
    assert.deepEqual(fields(answer), {
      'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store', 'content-length': String(answer.body.length),
    })
  })

  test('a GET, its length counted in bytes', async () => {
    const session = await target.polling()
    await session.post('4€uro 😀')
    const answer = await session.get()
    assert.equal(answer.text, '4€uro 😀')
    assert.deepEqual(fields(answer), {
      'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store', 'content-length': String(Buffer.byteLength('4€uro 😀')),
    })
  })

  test('a POST', async () => {
    const session = await target.polling()
    const answer = await session.post('4hello')
    assert.deepEqual(pick(answer), [200, 'ok'])
    assert.deepEqual(fields(answer), { 'content-type': 'text/html', 'content-length': '2', 'cache-control': 'no-store' })
  })

  test('old Internet Explorers are told to leave the body alone, others are not', async () => {
    for (const agent of ['Mozilla/4.0 (compatible;MSIE 8.0)', 'Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0)']) {
      const answer = await target.get('EIO=4&transport=polling', { headers: { 'user-agent': agent } })
      assert.equal(answer.headers['x-xss-protection'], '0')
    }
    const answer = await target.get('EIO=4&transport=polling', { headers: { 'user-agent': 'Mozilla/5.0 Chrome/140' } })
    assert.equal(answer.headers['x-xss-protection'], undefined)
  })

  test('`connection: close` on a request closes that connection only', async () => {
    const session = await target.polling({ connection: 'close' })
    await session.post('4x', { connection: 'close' })
    assert.equal((await session.get({ headers: { connection: 'close' } })).text, '4x')
    await echo(session)
  })

  test('without cors there are no cors headers', async () => {
    const answer = await target.get('EIO=4&transport=polling', { headers: { origin: 'http://example.org' } })
    assert.deepEqual(Object.keys(answer.headers).filter((name) => /^access-control|^vary/.test(name)), [])
  })
})

describe('refused requests', () => {
  for (const [query, code] of [
    ['EIO=4', 0],
    ['EIO=4&transport=', 0],
    ['EIO=4&transport=abc', 0],
    ['EIO=4&transport=constructor', 0],
    ['EIO=4&transport=__proto__', 0],
    ['EIO=4&transport=webtransport', 0],
    ['transport=abc', 0],
    ['EIO=abc&transport=abc&sid=unknown', 0],
    ['EIO=4&transport=polling&sid=unknown', 1],
    ['EIO=4&transport=polling&sid=__proto__', 1],
    ['EIO=3&transport=polling&sid=unknown', 1],
    ['EIO=4&transport=websocket', 3],
    ['transport=polling', 5],
    ['EIO=&transport=polling', 5],
    ['EIO=3&transport=polling', 5],
    ['EIO=04&transport=polling', 5],
    ['EIO=5&transport=polling', 5],
  ]) {
    test(`GET ?${query}: code ${code}`, async () => assertError(await target.get(query), code))
  }

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`${method} without a session: code 2`, async () => {
      assertError(await target.get('EIO=4&transport=polling', { method }), 2)
    })
  }

  test('HEAD without a session: 400', async () => {
    assert.equal((await target.get('EIO=4&transport=polling', { method: 'HEAD' })).status, 400)
  })

  test('the method is judged before the protocol version', async () => {
    assertError(await target.get('EIO=3&transport=polling', { method: 'POST' }), 2)
  })

  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    test(`${method} with a session: 500, and the session goes on`, async () => {
      const session = await target.polling()
      assertEmpty(await session.target.get(session.query, { method }), 500)
      await echo(session)
    })
  }

  test('another EIO than the session has: code 3, and the session goes on', async () => {
    const session = await target.polling()
    for (const eio of ['EIO=3&', 'EIO=5&', '']) {
      const query = `${eio}transport=polling&sid=${session.sid}`
      assertError(await target.get(query), 3)
      assertError(await target.get(query, { method: 'POST', body: '4x' }), 3)
    }
    await echo(session)
  })

  test('a WebSocket session through polling: code 3, and the session goes on', async () => {
    const ws = await target.websocket()
    const query = `EIO=4&transport=polling&sid=${ws.handshake.sid}`
    assertError(await target.get(query), 3)
    assertError(await target.get(query, { method: 'POST', body: '4x' }), 3)
    await ws.send('4y')
    assert.equal(await ws.text(), '4y')
    ws.close()
  })
})

describe('refused WebSockets', () => {
  const refused = async (query, message, headers) => {
    const { status, headers: fields, body } = parseHead(await raw(server.eio, upgradeRequest(`/engine.io/?${query}`, headers)))
    assert.deepEqual([status, body], [400, message])
    assert.equal(fields['content-length'], String(message.length))
    assert.equal(fields.connection.toLowerCase(), 'close')
  }

  test('no query: Transport unknown', () => refused('', ERRORS[0]))
  test('the text is no HTML', differs('sends it as text/html'), async () => {
    const { headers: fields } = parseHead(await raw(server.eio, upgradeRequest('/engine.io/')))
    assert.equal(fields['content-type'], 'text/plain; charset=UTF-8')
  })
  test('HTTP/1.0, of a new session and of one that is there', differs('answers 101'), async () => {
    const session = await target.polling()
    for (const query of ['', `&sid=${session.sid}`]) {
      const request = upgradeRequest(`/engine.io/?EIO=4&transport=websocket${query}`).replace('HTTP/1.1', 'HTTP/1.0')
      const { status, body } = parseHead(await raw(server.eio, request))
      assert.deepEqual([status, body], [400, 'HTTP/1.1 is required'])
    }
    await echo(session)
  })
  test('unknown transport', () => refused('EIO=4&transport=abc', ERRORS[0]))
  test('transport=__proto__', () => refused('EIO=4&transport=__proto__', ERRORS[0]))
  test('unknown session', () => refused('EIO=4&transport=websocket&sid=unknown', ERRORS[1]))
  test('another EIO than the session has', async () => {
    const session = await target.polling()
    await refused(`EIO=3&transport=websocket&sid=${session.sid}`, ERRORS[3])
    await refused(`transport=websocket&sid=${session.sid}`, ERRORS[3])
    await echo(session)
  })

  test('wrong EIO of a new session, before the 101', differs('sends 101 first, then the refusal inside of the WebSocket stream'), async () => {
    await refused('EIO=3&transport=websocket', ERRORS[5])
    await refused('transport=websocket', ERRORS[5])
  })

  for (const [what, headers] of [
    ['a key that is no key', { 'Sec-WebSocket-Key': 'abc' }],
    ['no key', { 'Sec-WebSocket-Key': undefined }],
    ['version 12', { 'Sec-WebSocket-Version': '12' }],
  ]) {
    test(`${what}: a 4xx, and the connection ends`, async () => {
      const { status } = parseHead(await raw(server.eio, upgradeRequest('/engine.io/?EIO=4&transport=websocket', { Connection: 'Upgrade, close', ...headers })))
      assert.ok(status >= 400 && status < 500, `status ${status}`)
    })
  }

  test('an upgrade with transport=polling never becomes a session', async () => {
    const ws = target.ws('EIO=4&transport=polling')
    const end = await ws.closed()
    assert.equal(ws.buffered, 0)
    assert.ok(end.code === 1005 || end.refused === 400, JSON.stringify(end))
  })
})

describe('rules of polling', () => {
  test('a GET without data is held until there is some', async () => {
    const session = await target.polling()
    const held = await session.hold()
    assert.deepEqual(pick(await session.post('4late')), [200, 'ok'])
    assert.deepEqual(pick(await held.response), [200, '4late'])
    await echo(session)
  })

  for (const payload of [
    '4', 'b', 'bAQIDBA==', 'bAAECAwQFBgcICQoLDA0ODw==', '4\u0000', '4"quoted"\\', '4\u2028\u2029', '4😀', `4${'x'.repeat(5000)}`,
    ['b', '4', 'bAA==', '4a'].join(RS),
  ]) {
    test(`comes back as it was: ${JSON.stringify(payload.slice(0, 40))}`, async () => echo(await target.polling(), payload))
  }

  test('binary and text keep their order', async () => {
    const session = await target.polling()
    const payload = Array.from({ length: 100 }, (_, i) => (i % 3 ? `4${i}` : `b${Buffer.from([i]).toString('base64')}`)).join(RS)
    await echo(session, payload)
  })

  test('a second GET: 400, the first is answered `1`, the session ends', async () => {
    const session = await target.polling()
    const held = await session.hold()
    assertEmpty(await session.get(), 400)
    assert.deepEqual(pick(await held.response), [200, '1'])
    assertError(await session.get(), 1)
  })

  test('a second POST while one is being received: 400, the first is cut off, the session ends', async () => {
    const session = await target.polling()
    const held = await session.hold()
    const first = session.begin({ method: 'POST', headers: { 'content-length': '10' }, open: true })
    first.req.write('4hel')
    await target.taken(first.req)
    assertEmpty(await session.post('4x'), 400)
    await assert.rejects(first.response, { code: 'ECONNRESET' })
    assert.deepEqual(pick(await held.response), [200, '1'])
    assertError(await session.get(), 1)
  })

  test('an aborted GET ends the session', async () => {
    const session = await target.polling()
    const held = await session.hold()
    held.req.destroy()
    await untilGone(session)
    assertError(await session.get(), 1)
  })

  test('an aborted POST ends the session, a held GET is answered `1`', async () => {
    const session = await target.polling()
    const held = await session.hold()
    const first = session.begin({ method: 'POST', headers: { 'content-length': '10' }, open: true })
    first.req.write('4hel')
    await target.taken(first.req)
    first.req.destroy()
    assert.deepEqual(pick(await held.response), [200, '1'])
    assertError(await session.get(), 1)
  })

  test('a body in many pieces, even within a character, by length or chunked', async () => {
    const session = await target.polling()
    const text = `4${'€uro'.repeat(200)}`
    const bytes = Buffer.from(text)
    for (const headers of [{ 'content-length': String(bytes.length) }, { 'transfer-encoding': 'chunked' }]) {
      const post = session.begin({ method: 'POST', headers, open: true })
      for (let at = 0; at < bytes.length; at += 101) {
        post.req.write(bytes.subarray(at, at + 101))
        await new Promise((resolve) => setImmediate(resolve))
      }
      post.req.end()
      assert.deepEqual(pick(await post.response), [200, 'ok'])
      assert.deepEqual(pick(await session.get()), [200, text])
    }
  })

  test('any content type is taken, or none, but octet-stream', async () => {
    const session = await target.polling()
    for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-type': 'text/plain' }]) {
      assert.deepEqual(pick(await session.post('4x', headers)), [200, 'ok'])
      assert.equal((await session.get()).text, '4x')
    }
    assertEmpty(await session.post(Buffer.from([1, 2, 3]), { 'content-type': 'application/octet-stream' }), 400)
    assertError(await session.get(), 1)
  })

  test('a body at the limit is taken; one above it is 413, and the session goes on', async () => {
    const here = new Target(small.eio, '/engine.io/')
    const session = await here.polling()
    assert.equal(session.handshake.maxPayload, 1000)
    await echo(session, `4${'x'.repeat(999)}`)
    assertEmpty(await session.post(`4${'x'.repeat(1000)}`), 413)
    await echo(session)
    const chunked = session.begin({ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, open: true })
    chunked.req.on('error', () => {})
    for (let i = 0; i < 11; i++) chunked.req.write('x'.repeat(100))
    assertEmpty(await chunked.response, 413)
    chunked.req.destroy()
    await echo(session)
  })

  test('the limit counts bytes, not characters', async () => {
    const session = await new Target(small.eio, '/engine.io/').polling()
    assertEmpty(await session.post(`4${'€'.repeat(334)}`), 413)
    await echo(session, `4${'€'.repeat(333)}`)
  })

  test('a message of one million bytes', async () => {
    await echo(await target.polling(), `4${'x'.repeat(999_999)}`)
  })

  for (const body of ['abc', '', '9', '{}', '["a"]', `${RS}4x`, 'B', ' 4x']) {
    test(`malformed ${JSON.stringify(body)}: the POST is answered, the session ends`, async () => {
      const session = await target.polling()
      const held = await session.hold()
      assert.deepEqual(pick(await session.post(body)), [200, 'ok'])
      assert.deepEqual(pick(await held.response), [200, '1'])
      assertError(await session.get(), 1)
    })
  }

  for (const body of [`4x${RS}abc${RS}4y`, `4x${RS}`, `4x${RS}${RS}4y`]) {
    test(`malformed after a good packet, ${JSON.stringify(body)}: what follows is never seen, the session ends`, async () => {
      const session = await target.polling()
      const held = await session.hold()
      assert.deepEqual(pick(await session.post(body)), [200, 'ok'])
      const { text } = await held.response
      assert.ok(text === '4x' || text === '1', text)
      assertError(await ended(session), 1)
    })
  }

  for (const packet of ['0', '3', '5', '6', '0{"sid":"x"}', '6x', '3probe']) {
    test(`a packet that has no meaning here is ignored: ${packet}`, async () => {
      const session = await target.polling()
      assert.deepEqual(pick(await session.post(packet)), [200, 'ok'])
      await echo(session)
    })
  }

  test('a PING from the client is against the rules: the POST is answered, the session ends', async () => {
    const session = await target.polling()
    const held = await session.hold()
    assert.deepEqual(pick(await session.post('2')), [200, 'ok'])
    assert.deepEqual(pick(await held.response), [200, '1'])
    assertError(await session.get(), 1)
  })

  test('`1` with a GET held: `6`, then the session is unknown', async () => {
    const session = await target.polling()
    const held = await session.hold()
    assert.deepEqual(pick(await session.post('1')), [200, 'ok'])
    assert.deepEqual(pick(await held.response), [200, '6'])
    assertError(await session.get(), 1)
  })

  test('`1` without a GET: the session is unknown at once', async () => {
    const session = await target.polling()
    assert.deepEqual(pick(await session.post('1')), [200, 'ok'])
    assertError(await session.get(), 1)
  })

  test('ids are not repeated', async () => {
    const seen = new Set()
    for (let i = 0; i < 100; i++) seen.add((await target.polling()).sid)
    assert.equal(seen.size, 100)
  })
})

describe('cors', () => {
  const origin = 'http://example.org:8080'
  let here
  before(() => (here = new Target(crossOrigin.eio, '/engine.io/')))

  test('preflight: 204, origin and asked headers reflected, credentials', async () => {
    const answer = await here.get('EIO=4&transport=polling', {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-one, x-two' },
    })
    assertEmpty(answer, 204)
    // The official server says 0; RFC 9110 (8.6) wants nothing said about a body that cannot be.
    assert.ok([undefined, '0'].includes(answer.headers['content-length']))
    assert.equal(answer.headers['access-control-allow-origin'], origin)
    assert.equal(answer.headers['access-control-allow-credentials'], 'true')
    assert.equal(answer.headers['access-control-allow-methods'], 'GET,HEAD,PUT,PATCH,POST,DELETE')
    assert.equal(answer.headers['access-control-allow-headers'], 'x-one, x-two')
    const vary = answer.headers.vary.split(',').map((name) => name.trim().toLowerCase())
    assert.deepEqual(vary.sort(), ['access-control-request-headers', 'origin'])
  })

  const assertAllowed = ({ headers }) => {
    assert.equal(headers['access-control-allow-origin'], origin)
    assert.equal(headers['access-control-allow-credentials'], 'true')
    assert.equal(headers['access-control-allow-methods'], undefined)
    assert.match(headers.vary, /origin/i)
  }

  test('GET, POST and refusals carry the origin', async () => {
    const answer = await here.get('EIO=4&transport=polling', { headers: { origin } })
    assert.equal(answer.status, 200)
    assertAllowed(answer)
    const session = await here.polling()
    assertAllowed(await session.post('4x', { origin }))
    assertAllowed(await session.get({ headers: { origin } }))
    for (const [query, code] of [['EIO=4&transport=polling&sid=unknown', 1], ['EIO=4&transport=websocket', 3], ['EIO=4&transport=abc', 0]]) {
      const refused = await here.get(query, { headers: { origin } })
      assertError(refused, code)
      assertAllowed(refused)
    }
    assertAllowed(await session.post(Buffer.from([1]), { origin, 'content-type': 'application/octet-stream' }))
  })

  test('the 101 carries the origin', async () => {
    const ws = here.ws('EIO=4&transport=websocket', { headers: { origin } })
    await ws.open()
    assertAllowed(ws.head)
    ws.close()
  })
})
