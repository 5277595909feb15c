// The behaviours that the official Engine.IO v4 protocol suite asks for.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { RS, Target } from '../lib/wire.mjs'
import { conformanceServer } from '../lib/peer.mjs'
import { ended, engineSuite, pick, refusedAfterUpgrade, TIMINGS, upgraded } from './engine.mjs'

const servers = {}
let target
const at = (timing) => new Target(servers[timing].eio, '/engine.io/')
before(async () => {
  for (const [timing, options] of Object.entries(TIMINGS)) servers[timing] = await conformanceServer(...options)
  target = at('calm')
})
after(() => Promise.all(Object.values(servers).map((server) => server.stop())))

describe('Engine.IO v4', () => {
  engineSuite(at)

  describe('message', () => {
    test('polling: one message comes back', async () => {
      const session = await target.polling()
      assert.deepEqual(pick(await session.post('4hello')), [200, 'ok'])
      assert.deepEqual(pick(await session.get()), [200, '4hello'])
    })

    test('polling: several messages of one payload come back in one payload', async () => {
      const session = await target.polling()
      const payload = ['4test1', '4test2', '4test3'].join(RS)
      assert.deepEqual(pick(await session.post(payload)), [200, 'ok'])
      assert.deepEqual(pick(await session.get()), [200, payload])
    })

    test('polling: text and binary of one payload come back identical', async () => {
      const session = await target.polling()
      const payload = `4hello${RS}bAQIDBA==`
      assert.deepEqual(pick(await session.post(payload)), [200, 'ok'])
      assert.deepEqual(pick(await session.get()), [200, payload])
    })

    test('polling: a payload in no known format ends the session', async () => {
      const session = await target.polling()
      const answer = await session.post('abc').catch(() => undefined)
      assert.ok(!answer || answer.status === 400 || answer.text === 'ok')
      assert.equal((await session.get()).status, 400)
    })

    test('polling: a second GET beside a held one ends the session', async () => {
      const session = await target.polling()
      const held = await session.hold()
      assert.equal((await session.get()).status, 400)
      assert.deepEqual(pick(await held.response), [200, '1'])
      assert.equal((await session.get()).status, 400)
    })

    test('polling: a cancelled GET ends the session', async () => {
      const session = await target.polling()
      const held = await session.hold()
      held.req.destroy()
      await ended(session)
    })

    test('websocket: text comes back', async () => {
      const ws = await target.websocket()
      await ws.send('4hello')
      assert.equal(await ws.text(), '4hello')
      ws.close()
    })

    test('websocket: binary comes back as binary', async () => {
      const ws = await target.websocket()
      await ws.send(Buffer.from([1, 2, 3, 4]))
      assert.deepEqual(await ws.next(), Buffer.from([1, 2, 3, 4]))
      ws.close()
    })

    test('websocket: a frame in no known format closes the connection', async () => {
      const ws = await target.websocket()
      await ws.send('abc')
      await ws.closed()
    })
  })

  describe('message after the upgrade', () => {
    test('an echo over the WebSocket', async () => {
      const session = await target.polling()
      const ws = await upgraded(session)
      await ws.send('4hello')
      assert.equal(await ws.text(), '4hello')
      ws.close()
    })

    test('an echo after a refused GET', async () => {
      const session = await target.polling()
      const ws = await upgraded(session)
      await refusedAfterUpgrade(session)
      await ws.send('4hello')
      assert.equal(await ws.text(), '4hello')
      ws.close()
    })
  })
})
