// How connections end and come back: reasons on both sides, timeouts, restarts, limits, the upgrade under load.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Socket as Engine } from 'engine.io-client'
import { differs, freePort, interopServer } from '../lib/peer.mjs'
import { request, Target } from '../lib/wire.mjs'
import { sleep, until, within } from '../lib/util.mjs'
import { ask, client, closeAll, collect, connected, connection, event, MODES, observer, settled } from './helpers.mjs'

let server, port
before(async () => {
  server = await interopServer()
  port = server.port
})
after(() => server?.stop())
afterEach(closeAll)

const RECONNECT = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 }
/// What the client says when the transport goes: a WebSocket closes, a poll fails.
const GONE = { polling: 'transport error', websocket: 'transport close', upgraded: 'transport close' }

/// Garbage, one step below the client library.
async function garbage(socket, text) {
  const { transport, id } = socket.io.engine
  if (transport.name === 'websocket') transport.ws.send(text)
  else await request(port, `/socket.io/?EIO=4&transport=polling&sid=${id}`, { method: 'POST', body: text })
}

for (const mode of Object.keys(MODES)) {
  describe(`over ${mode}`, () => {
    describe('reasons', () => {
      let watch
      const both = async (expected, act, options) => {
        watch = await observer(port)
        const socket = await connected(port, mode, options)
        const end = event(socket, 'disconnect')
        await act(socket)
        const [seen] = await end
        assert.match(seen, expected.client)
        assert.match(await watch.reason(socket), expected.server)
        assert.equal(socket.connected, false)
        assert.equal(socket.id, undefined)
        return socket
      }

      test('the client leaves the namespace', () =>
        both({ client: /^io client disconnect$/, server: /^client namespace disconnect$/ }, (socket) => socket.disconnect()))

      test('the server ends the namespace; nothing follows, and connect() works', async () => {
        const socket = await both({ client: /^io server disconnect$/, server: /^server namespace disconnect$/ }, (socket) => socket.emit('leave-me', false))
        assert.equal(socket.active, false)
        socket.connect()
        await connection(socket)
        assert.equal(await ask(socket, 'echo', 'again'), 'again')
      })

      test('the server ends one namespace, the others stay', async () => {
        watch = await observer(port)
        const root = await connected(port, mode)
        const chat = Object.assign(root.io.socket('/chat', { auth: { key: root.key } }), { key: root.key })
        await connection(chat)
        const end = event(chat, 'disconnect')
        chat.emit('leave-me', false)
        assert.deepEqual((await end)[0], 'io server disconnect')
        assert.equal(await watch.reason(chat, '/chat'), 'server namespace disconnect')
        assert.equal(await ask(root, 'echo', 'still here'), 'still here')
      })

      test('the server ends all namespaces and the connection', async () => {
        watch = await observer(port)
        const root = await connected(port, mode)
        const chat = Object.assign(root.io.socket('/chat', { auth: { key: root.key } }), { key: root.key })
        await connection(chat)
        const ends = [event(root, 'disconnect'), event(chat, 'disconnect')]
        chat.emit('leave-me', true)
        assert.deepEqual((await Promise.all(ends)).map(([reason]) => reason), ['io server disconnect', 'io server disconnect'])
        for (const [socket, name] of [[root, '/'], [chat, '/chat']]) assert.equal(await watch.reason(socket, name), 'server namespace disconnect')
        await until(() => root.io.engine.readyState === 'closed', 'the connection to close')
      })

      test('what the server emitted before it ended the namespace arrives', async () => {
        const socket = await connected(port, mode)
        const seen = collect(socket, 'burst', 'disconnect')
        socket.emit('burst', [['regular', 1], ['regular', Buffer.from('two')]])
        socket.emit('leave-me', true)
        await until(() => seen.length >= 3, 'the disconnect')
        assert.deepEqual(seen.map((list) => list.slice(0, 2)), [['burst', 1], ['burst', Buffer.from('two')], ['disconnect', 'io server disconnect']])
      })

      test('the client closes the connection below', () =>
        both({ client: /^forced close$/, server: /^transport close$/ }, (socket) => socket.io.engine.close()))

      test('a transport that breaks', () =>
        both({ client: /^transport (close|error)$/, server: /^transport (close|error)$/ }, (socket) => {
          const { transport } = socket.io.engine
          if (transport.name === 'websocket') transport.ws._socket.destroy()
          else { // the GET that waits is dropped
            transport.pollXhr.abort()
            transport.onError('xhr poll error', 0)
          }
        }))

      test('a malformed packet of Engine.IO', () =>
        both({ client: /^transport (close|error)$/, server: /^parse error$/ }, (socket) => garbage(socket, 'abc')))

      test('a malformed packet of Socket.IO', () =>
        both({ client: /^transport (close|error)$/, server: /^forced (server )?close$/ }, (socket) => garbage(socket, '4abc')))

      test('a packet against the rules', () =>
        both({ client: /^transport (close|error)$/, server: /^forced (server )?close$/ }, (socket) => garbage(socket, '40')))
    })

    describe('ping timeout', () => {
      test('the heartbeat keeps a quiet connection', async () => {
        const quick = await interopServer('--ping', '100/5000')
        try {
          const socket = await connected(quick.port, mode)
          let pings = 0
          socket.io.engine.on('ping', () => pings++)
          await until(() => pings >= 5, 'five pings')
          assert.equal(await ask(socket, 'echo', 'x'), 'x')
        } finally {
          closeAll()
          await quick.stop()
        }
      })

      test('a client that does not answer: the server sees it', async () => {
        for (;;) {
          const quick = await interopServer('--ping', '300/1000')
          const watch = await observer(quick.port)
          try {
            const socket = await connected(quick.port, mode)
            const end = event(socket, 'disconnect')
            const { engine } = socket.io
            const send = engine._sendPacket
            engine._sendPacket = function (type, ...rest) {
              if (type !== 'pong') send.call(this, type, ...rest)
            }
            const seen = watch.reason(socket)
            const lost = event(watch.socket, 'disconnect')
            if (await Promise.race([seen.then(() => true), lost.then(() => false)])) {
              assert.equal(await seen, 'ping timeout')
              assert.match((await end)[0], /^transport (close|error)$/)
              return
            }
            // The machine was so busy that the one who watches was late with a pong itself: nothing was tested.
            seen.catch(() => {})
            end.catch(() => {})
          } finally {
            closeAll()
            await quick.stop()
          }
        }
      })

      test('a server that falls silent: the client sees it, and comes back later', async () => {
        const quick = await interopServer('--ping', '300/1000')
        try {
          const socket = await connected(quick.port, mode, RECONNECT)
          const end = event(socket, 'disconnect')
          quick.freeze()
          assert.equal((await end)[0], 'ping timeout')
          quick.thaw()
          await connection(socket)
          assert.equal(await ask(socket, 'echo', 'back'), 'back')
        } finally {
          quick.thaw()
          closeAll()
          await quick.stop()
        }
      })

      test('no CONNECT in time ends the connection', async () => {
        const quick = await interopServer('--connect-timeout', 200)
        const engine = new Engine(`http://127.0.0.1:${quick.port}`, { path: '/socket.io', ...MODES[mode] })
        try {
          const [reason] = await event(engine, 'close')
          assert.match(reason, /^transport (close|error)$/)
        } finally {
          engine.close()
          await quick.stop()
        }
      })
    })

    describe('restart', () => {
      for (const [how, signal] of [['killed', 'SIGKILL'], ['stopped', 'SIGTERM']]) {
        test(`the server is ${how} and started again: clients come back, emits that waited arrive`, async () => {
          const own = await freePort()
          let peer = await interopServer('--port', own)
          try {
            const socket = await connected(own, mode, { ...RECONNECT, auth: { n: 1 } })
            const former = { id: socket.id, engine: socket.io.engine.id }
            const attempts = collect(socket.io, 'reconnect_attempt', 'reconnect')
            const end = event(socket, 'disconnect')
            await peer.stop(signal)
            const [reason] = await end
            if (signal === 'SIGKILL') assert.equal(reason, GONE[mode])
            else assert.match(reason, /^transport (close|error)$/)
            assert.equal(socket.active, true)
            const seen = collect(socket, 'connect', 'hello', 'echo')
            for (const value of [1, Buffer.from('two'), 'three']) socket.emit('echo', value)
            const answer = socket.emitWithAck('echo', 'acknowledged')
            socket.auth = { n: 2 }
            peer = await interopServer('--port', own)
            assert.equal(await within(answer, 'the acknowledgement'), 'acknowledged')
            await until(() => seen.length >= 5, 'all that waited')
            await settled(socket, mode)
            assert.equal(await ask(socket, 'echo', 'x'), 'x')
            assert.deepEqual(seen, [['connect'], ['hello', socket.id], ['echo', 1], ['echo', Buffer.from('two')], ['echo', 'three']])
            assert.notEqual(socket.id, former.id)
            assert.notEqual(socket.io.engine.id, former.engine)
            assert.ok(!socket.recovered)
            assert.deepEqual((await ask(socket, 'handshake')).auth, { n: 2 })
            assert.equal(attempts[0][0], 'reconnect_attempt')
            assert.equal(attempts.at(-1)[0], 'reconnect')
          } finally {
            closeAll()
            await peer.stop()
          }
        })
      }

      test('all namespaces come back', async () => {
        const own = await freePort()
        let peer = await interopServer('--port', own)
        try {
          const root = await connected(own, mode, RECONNECT)
          const secret = root.io.socket('/private', { auth: { token: 'secret' } })
          await connection(secret)
          const ends = [event(root, 'disconnect'), event(secret, 'disconnect')]
          await peer.stop('SIGKILL')
          await Promise.all(ends)
          peer = await interopServer('--port', own)
          await Promise.all([connection(root), connection(secret)])
          assert.equal(await ask(root, 'echo', 1), 1)
          assert.equal((await ask(secret, 'whoami')).id, secret.id)
        } finally {
          closeAll()
          await peer.stop()
        }
      })

      test('an acknowledgement that was under way is an error, not silence', async () => {
        const own = await freePort()
        const peer = await interopServer('--port', own)
        try {
          const socket = await connected(own, mode)
          const waiting = assert.rejects(socket.emitWithAck('silent'), /socket has been disconnected/)
          await ask(socket, 'echo', 'x')
          await peer.stop('SIGKILL')
          await within(waiting, 'the error')
        } finally {
          closeAll()
          await peer.stop()
        }
      })
    })

    describe('payload limit', () => {
      const LIMIT = 10_000
      let small
      before(async () => (small = await interopServer('--max-payload', LIMIT)))
      after(() => small?.stop())
      // The packet is `42["echo","xxx"]`, on polling with the engine's `4`, which the WebSocket counts too.
      const filler = (size) => 'x'.repeat(size - '420["echo",""]'.length)

      test('at the limit', async () => {
        const socket = await connected(small.port, mode)
        assert.equal(socket.io.engine._maxPayload, LIMIT)
        const value = filler(LIMIT)
        assert.ok((await ask(socket, 'echo', value)) === value)
        const binary = Buffer.alloc(mode === 'polling' ? 7000 : LIMIT, 1)
        assert.deepEqual(await ask(socket, 'echo', binary), binary)
        const many = Array.from({ length: 50 }, (_, i) => 'y'.repeat(900) + i)
        assert.deepEqual(await Promise.all(many.map((item) => ask(socket, 'echo', item))), many, 'the client splits what is too much for one')
      })

      test('one byte above it: the connection ends', async () => {
        const watch = await observer(small.port)
        const socket = await connected(small.port, mode)
        const end = event(socket, 'disconnect')
        socket.emit('echo', filler(LIMIT + 1), () => assert.fail('never acknowledged'))
        assert.equal((await end)[0], GONE[mode])
        assert.match(await watch.reason(socket), mode === 'polling' ? /^transport (close|error)$/ : /^transport error$/)
      })

      test('an attachment above it: the connection ends', async () => {
        const watch = await observer(small.port)
        const socket = await connected(small.port, mode)
        const end = event(socket, 'disconnect')
        socket.emit('echo', Buffer.alloc(LIMIT + 1))
        assert.equal((await end)[0], GONE[mode])
        assert.match(await watch.reason(socket), mode === 'polling' ? /^transport (close|error)$/ : /^transport error$/)
      })

      test('the server may send more than it takes', async () => {
        const socket = await connected(small.port, mode)
        const values = Array.from({ length: 20 }, (_, i) => String(i).repeat(400))
        const seen = collect(socket, 'burst')
        socket.emit('burst', values.map((value) => ['regular', value]).slice(0, 10))
        socket.emit('burst', values.map((value) => ['regular', value]).slice(10))
        await until(() => seen.length === 20, 'all of the burst')
        assert.deepEqual(seen, values.map((value) => ['burst', value]))
      })
    })
  })
}

describe('the upgrade under load', () => {
  /// Spreads what is sent over the time that the upgrade takes. Nothing is claimed of how far it has got.
  const spread = sleep

  test('numbered messages both ways across it: none lost, none reordered', async () => {
    for (let round = 0; round < 5; round++) {
      const socket = client(port, 'upgraded')
      const echoes = collect(socket, 'echo')
      const ticks = collect(socket, 'tick')
      let upgrades = 0
      socket.io.on('open', () => socket.io.engine.on('upgrade', () => upgrades++))
      const COUNT = 400
      for (let i = 0; i < 100; i++) socket.emit('echo', i)
      await connection(socket)
      socket.emit('ticks', 100, 1)
      let sent = 100
      while (sent < COUNT) {
        for (let burst = 0; burst < 5; burst++) {
          socket.emit('echo', sent % 7 === 0 ? Buffer.from(String(sent)) : sent)
          sent++
        }
        await spread(1)
      }
      await settled(socket, 'upgraded')
      await until(() => echoes.length === COUNT && ticks.length === 100, 'all echoes and ticks')
      assert.equal(upgrades, 1)
      assert.deepEqual(echoes.map(([, value]) => Number(String(value))), Array.from({ length: COUNT }, (_, i) => i))
      assert.deepEqual(ticks.map(([, i]) => i), Array.from({ length: 100 }, (_, i) => i))
      closeAll()
    }
  })

  test('twenty clients that upgrade at once, each echoing', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, async (_, who) => {
      const socket = client(port, 'upgraded')
      const echoes = collect(socket, 'echo')
      for (let i = 0; i < 50; i++) socket.emit('echo', who, i)
      await connection(socket)
      for (let i = 50; i < 100; i++) {
        socket.emit('echo', who, i)
        if (i % 10 === 0) await spread(1)
      }
      await settled(socket, 'upgraded')
      await until(() => echoes.length === 100, `the echoes of client ${who}`)
      return echoes
    }))
    for (const [who, echoes] of all.entries()) assert.deepEqual(echoes, Array.from({ length: 100 }, (_, i) => ['echo', who, i]))
  })

  test('a client told not to upgrade stays on polling', async () => {
    const socket = client(port, 'upgraded', { upgrade: false })
    await connection(socket)
    await ask(socket, 'echo', 'x')
    // Another one, which connects later, upgrades meanwhile.
    await connected(port, 'upgraded')
    await ask(socket, 'echo', 'x')
    assert.equal(socket.io.engine.transport.name, 'polling')
  })

  test('websocket first, polling only in need', async () => {
    const socket = client(port, 'websocket', { transports: ['websocket', 'polling'] })
    await connection(socket)
    assert.equal(socket.io.engine.transport.name, 'websocket')
    assert.equal(await ask(socket, 'echo', 'x'), 'x')
  })

  test('a disconnect in the middle of the upgrade', async () => {
    const watch = await observer(port)
    for (let i = 0; i < 10; i++) {
      const socket = client(port, 'upgraded')
      await connection(socket)
      await spread(i)
      socket.disconnect()
      assert.match(await watch.reason(socket), /^(client namespace disconnect|transport close)$/)
    }
  })
})

// The clients answer the ping in time; the server, which is stopped, finds its deadline passed and the answers waiting. Whether the
// official one reads them first is chance.
describe('a server that stands still for longer than its ping timeout', differs('may judge first'), () => {
  const still = async (slow, arrive) => {
    slow.freeze()
    try {
      arrive()
      await sleep(1500)
    } finally {
      slow.thaw()
    }
  }

  test('reads the pongs that had arrived by WebSocket', async () => {
    const slow = await interopServer('--ping', '1000/1000')
    try {
      const target = new Target(slow.port, '/socket.io/')
      const sessions = await Promise.all(Array.from({ length: 5 }, () => target.websocket()))
      await Promise.all(sessions.map(async (ws) => { while (await ws.text() !== '2'); }))
      await still(slow, () => sessions.forEach((ws) => ws.socket.send('3')))
      await Promise.all(sessions.map(async (ws) => {
        await ws.send('40')
        while (!(await ws.text()).startsWith('40{'));
        ws.close()
      }))
    } finally {
      await slow.stop()
    }
  })

  test('reads the pongs that had arrived by polling', async () => {
    const slow = await interopServer('--ping', '1000/1000')
    try {
      const target = new Target(slow.port, '/socket.io/')
      const sessions = await Promise.all(Array.from({ length: 5 }, () => target.polling()))
      await Promise.all(sessions.map(async (session) => assert.equal((await session.get()).text, '2')))
      let pongs
      await still(slow, () => (pongs = sessions.map((session) => session.post('3'))))
      for (const pong of pongs) assert.equal((await pong).text, 'ok')
      await Promise.all(sessions.map(async (session) => {
        assert.equal((await session.post('40')).text, 'ok')
        assert.match(await session.next(), /^40\{/)
      }))
    } finally {
      await slow.stop()
    }
  })
})
