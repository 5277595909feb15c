// The behaviours that the official Socket.IO v5 protocol suite asks for.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Target } from '../lib/wire.mjs'
import { conformanceServer } from '../lib/peer.mjs'
import { engineSuite, TIMINGS as ENGINE_TIMINGS } from './engine.mjs'

const TIMINGS = {
  ...ENGINE_TIMINGS,
  /// The time to join is over before the fourth ping.
  joining: ['--ping', '800/20000', '--connect-timeout', 3000],
}
const servers = {}
let target
const at = (timing) => new Target(servers[timing].sio, '/socket.io/')
before(async () => {
  for (const [timing, options] of Object.entries(TIMINGS)) servers[timing] = await conformanceServer(...options)
  target = at('calm')
})
after(() => Promise.all(Object.values(servers).map((server) => server.stop())))

async function engine() {
  const ws = target.ws('EIO=4&transport=websocket')
  assert.match(await ws.text(), /^0\{/)
  return ws
}

/// A WebSocket with "/" joined.
async function joined() {
  const ws = await engine()
  await ws.send('40')
  assert.match(await ws.text(), /^40\{"sid":"[^"]+"\}$/)
  assert.equal(await ws.text(), '42["auth",{}]')
  return ws
}

async function closes(ws) {
  await ws.closed()
  assert.equal(ws.buffered, 0, 'nothing before the close')
}

describe('Engine.IO below Socket.IO', () => engineSuite(at))

describe('Socket.IO v5', () => {
  describe('connect', () => {
    for (const [what, sent, prefix, auth] of [
      ['the main namespace', '40', '', {}],
      ['the main namespace with a payload', '40{"token":"123"}', '', { token: '123' }],
      ['a custom namespace', '40/custom,', '/custom,', {}],
      ['a custom namespace with a payload', '40/custom,{"token":"abc"}', '/custom,', { token: 'abc' }],
      ['a custom namespace without the comma', '40/custom', '/custom,', {}],
    ]) {
      test(what, async () => {
        const ws = await engine()
        await ws.send(sent)
        const reply = await ws.text()
        assert.ok(reply.startsWith(`40${prefix}{`), reply)
        const payload = JSON.parse(reply.slice(2 + prefix.length))
        assert.deepEqual(Object.keys(payload), ['sid'])
        assert.match(payload.sid, /^[\w-]{20}$/)
        const event = await ws.text()
        assert.ok(event.startsWith(`42${prefix}[`), event)
        assert.deepEqual(JSON.parse(event.slice(2 + prefix.length)), ['auth', auth])
        ws.close()
      })
    }

    test('an unknown namespace', async () => {
      const ws = await engine()
      await ws.send('40/random')
      assert.equal(await ws.text(), '44/random,{"message":"Invalid namespace"}')
      ws.close()
    })

    test('a handshake in no known format closes', async () => {
      const ws = await engine()
      await ws.send('4abc')
      await closes(ws)
    })

    test('no CONNECT in time closes', async () => {
      const ws = at('joining').ws('EIO=4&transport=websocket')
      await ws.closed()
      assert.match(await ws.text(), /^0\{/)
      while (ws.buffered) assert.equal(await ws.text(), '2')
    })
  })

  describe('disconnect', () => {
    test('of the main namespace leaves the connection open', async () => {
      const ws = await joined()
      await ws.send('41')
      await ws.sync()
      await ws.send('40')
      assert.match(await ws.text(), /^40\{"sid"/)
      assert.equal(await ws.text(), '42["auth",{}]')
      ws.close()
    })

    test('of the main namespace: only pings follow', async () => {
      const ws = at('joining').ws('EIO=4&transport=websocket')
      await ws.text()
      await ws.send('40')
      while (!(await ws.text()).startsWith('42["auth"'));
      await ws.send('41')
      for (let i = 0; i < 4; i++) { // longer than the time to join
        assert.equal(await ws.text(), '2')
        await ws.send('3')
      }
      ws.close()
    })

    test('of a custom namespace leaves the main one usable', async () => {
      for (const packet of ['41/custom,', '41/custom']) {
        const ws = await joined()
        await ws.send('40/custom')
        assert.match(await ws.text(), /^40\/custom,\{"sid"/)
        assert.equal(await ws.text(), '42/custom,["auth",{}]')
        await ws.send(packet)
        await ws.send('42["message","message to main namespace"]')
        assert.equal(await ws.text(), '42["message-back","message to main namespace"]')
        ws.close()
      }
    })
  })

  describe('message', () => {
    test('text', async () => {
      const ws = await joined()
      await ws.send('42["message",1,"2",{"3":[true]}]')
      assert.equal(await ws.text(), '42["message-back",1,"2",{"3":[true]}]')
      ws.close()
    })

    test('binary', async () => {
      const ws = await joined()
      await ws.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      await ws.send(Buffer.from([1, 2, 3]))
      await ws.send(Buffer.from([4, 5, 6]))
      assert.equal(await ws.text(), '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3]))
      assert.deepEqual(await ws.next(), Buffer.from([4, 5, 6]))
      ws.close()
    })

    test('text with an acknowledgement', async () => {
      const ws = await joined()
      await ws.send('42456["message-with-ack",1,"2",{"3":[false]}]')
      assert.equal(await ws.text(), '43456[1,"2",{"3":[false]}]')
      ws.close()
    })

    test('binary with an acknowledgement', async () => {
      const ws = await joined()
      await ws.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      await ws.send(Buffer.from([1, 2, 3]))
      await ws.send(Buffer.from([4, 5, 6]))
      assert.equal(await ws.text(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3]))
      assert.deepEqual(await ws.next(), Buffer.from([4, 5, 6]))
      ws.close()
    })

    for (const [what, packet] of [
      ['a packet in no known format', '4abc'],
      ['a payload of the wrong shape', '42{}'],
      ['an id that is no number', '42abc["message-back",1]'],
    ]) {
      test(`${what} closes`, async () => {
        const ws = await joined()
        await ws.send(packet)
        await closes(ws)
      })
    }
  })
})
