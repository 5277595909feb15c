// What the Engine.IO part of a server has to show, whatever runs on top of it.
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { until } from '../lib/util.mjs'

const KEYS = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']

/// Options of the servers that [`engineSuite`] talks to. A case takes the one whose timings it can't miss, however busy the machine is.
export const TIMINGS = {
  /// Those of the official suites: for what they say, and for clients that fall silent.
  official: ['--ping', '300/200'],
  /// Pings soon, and waits long for the answer.
  steady: ['--ping', '300/20000', '--connect-timeout', 20_000],
  /// No ping comes into a case.
  calm: ['--ping', '25000/20000', '--connect-timeout', 20_000],
}

/// `target(timing)` gives the Target of the running server with those [`TIMINGS`].
export function engineSuite(target) {
  const [official, steady, calm] = ['official', 'steady', 'calm'].map((timing) => () => target(timing))

  describe('handshake', () => {
    test('polling: OPEN with exactly the five keys', async () => {
      const { status, text } = await official().get('EIO=4&transport=polling')
      assert.equal(status, 200)
      assert.equal(text[0], '0')
      const handshake = JSON.parse(text.slice(1))
      assert.deepEqual(Object.keys(handshake), KEYS)
      assert.match(handshake.sid, /^[\w-]{20}$/)
      assert.deepEqual({ ...handshake, sid: '' }, { sid: '', upgrades: ['websocket'], pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000 })
    })

    test('websocket: OPEN is the first frame, and offers no upgrade', async () => {
      const ws = await official().websocket()
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
        assert.equal((await official().get(query)).status, 400)
      })
    }

    for (const method of ['POST', 'PUT']) {
      test(`polling: refused with 400: ${method}`, async () => {
        assert.equal((await official().get('EIO=4&transport=polling', { method })).status, 400)
      })
    }

    for (const [what, query] of [
      ['no EIO', 'transport=websocket'],
      ['EIO=abc', 'EIO=abc&transport=websocket'],
      ['no transport', 'EIO=4'],
      ['transport=abc', 'EIO=4&transport=abc'],
    ]) {
      test(`websocket: refused: ${what}`, async () => {
        const ws = official().ws(query)
        await ws.closed()
        assert.equal(ws.buffered, 0, 'no OPEN packet')
      })
    }
  })

  describe('heartbeat', () => {
    test('polling: three cycles', async () => {
      const session = await steady().polling()
      for (let cycle = 0; cycle < 3; cycle++) {
        const ping = await session.get()
        assert.deepEqual([ping.status, ping.text], [200, '2'])
        const pong = await session.post('3')
        assert.deepEqual([pong.status, pong.text], [200, 'ok'])
      }
    })

    test('polling: without a PONG the session ends', async () => {
      const session = await official().polling()
      await ended(session)
    })

    test('polling: a session that nobody polls ends', async () => {
      const session = await official().polling()
      await untilGone(session)
    })

    test('websocket: three cycles', async () => {
      const ws = await steady().websocket()
      for (let cycle = 0; cycle < 3; cycle++) {
        assert.equal(await ws.text(), '2')
        await ws.send('3')
      }
      ws.close()
    })

    test('websocket: without a PONG the connection is closed', async () => {
      const ws = await official().websocket()
      assert.equal(await ws.text(), '2')
      await ws.closed()
      assert.equal(ws.buffered, 0)
    })
  })

  describe('close', () => {
    test('polling: a POST of `1` ends the session, the held GET is answered `6`', async () => {
      const session = await calm().polling()
      const held = await session.hold()
      assert.deepEqual(pick(await session.post('1')), [200, 'ok'])
      assert.deepEqual(pick(await held.response), [200, '6'])
      assert.equal((await session.get()).status, 400)
    })

    test('websocket: a frame `1` ends the session, sooner or later', async () => {
      const ws = await official().websocket()
      await ws.send('1')
      await ws.closed()
    })
  })

  describe('upgrade', () => {
    test('probe, noop for the held GET, then `5`', async () => {
      const session = await calm().polling()
      const held = await session.hold()
      const ws = session.probe()
      await ws.send('2probe')
      assert.equal(await ws.text(), '3probe')
      assert.deepEqual(pick(await held.response), [200, '6'])
      await ws.send('5')
      await ws.sync()
      await refusedAfterUpgrade(session)
      ws.close()
    })

    test('a GET that comes during the probe is released with `6` too', async () => {
      const session = await calm().polling()
      const ws = session.probe()
      await ws.send('2probe')
      assert.equal(await ws.text(), '3probe')
      assert.deepEqual(pick(await session.get()), [200, '6'])
      await ws.send('5')
      await ws.sync()
      await refusedAfterUpgrade(session)
      ws.close()
    })

    test('the heartbeat goes on over the WebSocket, while GET is refused', async () => {
      const session = await steady().polling()
      const ws = await upgraded(session)
      await refusedAfterUpgrade(session)
      for (let cycle = 0; cycle < 2; cycle++) {
        assert.equal(await ws.text(), '2')
        await ws.send('3')
      }
      ws.close()
    })

    test('a second WebSocket after the upgrade is closed, the first goes on', async () => {
      const session = await steady().polling()
      const ws = await upgraded(session)
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
  return until(async () => {
    const answer = await session.get()
    if (answer.status === 400) return answer
    assert.match(answer.text, /^(2|1|6|6\x1e1)$/)
  }, 'the end of the session')
}

/// Asks for the session with a wrong transport's name, which disturbs nobody, until it is unknown.
export function untilGone(session) {
  return until(async () => {
    const { text } = await session.target.get(`EIO=3&transport=polling&sid=${session.sid}`)
    if (text === '{"code":1,"message":"Session ID unknown"}') return true
    assert.equal(text, '{"code":3,"message":"Bad request"}')
  }, 'the session to be forgotten')
}
