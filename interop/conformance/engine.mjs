// What the Engine.IO part of a server has to show, whatever runs on top of it. Timings of the server: 300/200.
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { within } from '../lib/util.mjs'

const KEYS = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']

/// A case that is not about the heartbeat, on a server that sends its first PING after 300 ms. Where the machine was too busy to be
/// done (or to fail) before that, the case says nothing, and is tried again.
export function prompt(name, run) {
  test(name, async (t) => {
    for (let attempt = 1; ; attempt++) {
      const started = Date.now()
      try {
        return await run(t)
      } catch (error) {
        if (Date.now() - started < 250 || attempt === 5) throw error
        t.diagnostic(`tried again, the heartbeat came between: ${error.message.split('\n')[0]}`)
      }
    }
  })
}

/// `target()` gives the Target of the running server.
export function engineSuite(target) {
  describe('handshake', () => {
    test('polling: OPEN with exactly the five keys', async () => {
      const { status, text } = await target().get('EIO=4&transport=polling')
      assert.equal(status, 200)
      assert.equal(text[0], '0')
      const handshake = JSON.parse(text.slice(1))
      assert.deepEqual(Object.keys(handshake), KEYS)
      assert.match(handshake.sid, /^[\w-]{20}$/)
      assert.deepEqual({ ...handshake, sid: '' }, { sid: '', upgrades: ['websocket'], pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000 })
    })

    test('websocket: OPEN is the first frame, and offers no upgrade', async () => {
      const ws = await target().websocket()
      assert.deepEqual(Object.keys(ws.handshake), KEYS)
      assert.deepEqual({ ...ws.handshake, sid: '' }, { sid: '', upgrades: [], pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000 })
      ws.close()
    })

    for (const [what, query] of [
      ['no EIO', 'transport=polling'],
      ['EIO=abc', 'EIO=abc&transport=polling'],
      ['no transport', 'EIO=4'],
      ['transport=abc', 'EIO=4&transport=abc'],
    ]) {
      test(`polling: refused with 400: ${what}`, async () => {
        assert.equal((await target().get(query)).status, 400)
      })
    }

    for (const method of ['POST', 'PUT']) {
      test(`polling: refused with 400: ${method}`, async () => {
        assert.equal((await target().get('EIO=4&transport=polling', { method })).status, 400)
      })
    }

    for (const [what, query] of [
      ['no EIO', 'transport=websocket'],
      ['EIO=abc', 'EIO=abc&transport=websocket'],
      ['no transport', 'EIO=4'],
      ['transport=abc', 'EIO=4&transport=abc'],
    ]) {
      test(`websocket: refused: ${what}`, async () => {
        const ws = target().ws(query)
        await ws.closed()
        assert.equal(ws.buffered, 0, 'no OPEN packet')
      })
    }
  })

  describe('heartbeat', () => {
    test('polling: three cycles', async () => {
      const session = await target().polling()
      for (let cycle = 0; cycle < 3; cycle++) {
        const ping = await session.get()
        assert.deepEqual([ping.status, ping.text], [200, '2'])
        const pong = await session.post('3')
        assert.deepEqual([pong.status, pong.text], [200, 'ok'])
      }
    })

    test('polling: without a PONG the session ends', async () => {
      const session = await target().polling()
      assert.equal((await session.get()).text, '2')
      await ended(session)
    })

    test('polling: a session that nobody polls ends', async () => {
      const session = await target().polling()
      await within(untilGone(session), 'the session to be forgotten')
    })

    test('websocket: three cycles', async () => {
      const ws = await target().websocket()
      for (let cycle = 0; cycle < 3; cycle++) {
        assert.equal(await ws.text(), '2')
        await ws.send('3')
      }
      ws.close()
    })

    test('websocket: without a PONG the connection is closed', async () => {
      const ws = await target().websocket()
      assert.equal(await ws.text(), '2')
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  })

  describe('close', () => {
    prompt('polling: a POST of `1` ends the session, the held GET is answered `6`', async () => {
      const session = await target().polling()
      const held = await session.hold()
      assert.deepEqual(pick(await session.post('1')), [200, 'ok'])
      assert.deepEqual(pick(await held.response), [200, '6'])
      assert.equal((await session.get()).status, 400)
    })

    test('websocket: a frame `1` ends the session, sooner or later', async () => {
      const ws = await target().websocket()
      await ws.send('1')
      await ws.closed()
    })
  })

  describe('upgrade', () => {
    prompt('probe, noop for the held GET, then `5`', async () => {
      const session = await target().polling()
      const held = await session.hold()
      const ws = session.probe()
      await ws.send('2probe')
      assert.equal(await ws.text(), '3probe')
      assert.deepEqual(pick(await held.response), [200, '6'])
      await ws.send('5')
      assert.equal(await ws.text(), '2', 'the heartbeat goes on over the WebSocket')
      await ws.send('3')
      assert.equal(await ws.text(), '2')
      ws.close()
    })

    prompt('a GET that comes during the probe is released with `6` too', async () => {
      const session = await target().polling()
      const ws = session.probe()
      await ws.send('2probe')
      assert.equal(await ws.text(), '3probe')
      assert.deepEqual(pick(await session.get()), [200, '6'])
      await ws.send('5')
      assert.equal(await ws.text(), '2')
      ws.close()
    })

    prompt('GET is refused after the upgrade, and the WebSocket goes on', async () => {
      const session = await target().polling()
      const ws = await upgraded(session)
      await refusedAfterUpgrade(session)
      await ws.send('3')
      assert.equal(await ws.text(), '2')
      ws.close()
    })

    prompt('a second WebSocket after the upgrade is closed, the first goes on', async () => {
      const session = await target().polling()
      const ws = await upgraded(session)
      await refusedAfterUpgrade(session)
      const second = session.probe()
      const end = await second.closed()
      assert.equal(end.code, 1005)
      assert.equal(second.buffered, 0)
      assert.equal(await ws.text(), '2')
      ws.close()
    })
  })
}

export const pick = ({ status, text }) => [status, text]

export async function upgraded(session) {
  const ws = session.probe()
  await ws.send('2probe')
  assert.equal(await ws.text(), '3probe')
  await ws.send('5')
  await ws.sync() // the `5` and a later request travel on different connections
  return ws
}

export async function refusedAfterUpgrade(session) {
  assert.deepEqual(pick(await session.get()), [400, '{"code":3,"message":"Bad request"}'])
}

/// The session is over: a GET finds nobody. A last answer (`1`, or `6`) may still have waited.
export async function ended(session) {
  for (;;) {
    const answer = await session.get()
    if (answer.status === 400) return answer
    assert.match(answer.text, /^(2|1|6|6\x1e1)$/)
  }
}

/// Asks for the session with a wrong transport's name, which disturbs nobody, until it is unknown.
export async function untilGone(session) {
  for (;;) {
    const { text } = await session.target.get(`EIO=3&transport=polling&sid=${session.sid}`)
    if (text === '{"code":1,"message":"Session ID unknown"}') return
    assert.equal(text, '{"code":3,"message":"Bad request"}')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
