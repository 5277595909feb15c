// How connections end and come back: reasons, reconnection, restarts, broken networks, heartbeats, retries, the program itself.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import net from 'node:net'
import { once } from 'node:events'
import { Driver, MODES, World, beyond, echo, event } from './helpers.mjs'
import { Proxy } from '../lib/proxy.mjs'
import { freePort, reference } from '../lib/peer.mjs'
import { until, within } from '../lib/util.mjs'

let driver, world
before(async () => {
  driver = await Driver.start()
  world = await World.start()
})
after(async () => {
  await driver?.stop()
  await world?.stop()
})
afterEach(() => driver.release())

const GONE = /^transport (close|error)$/

for (const [mode, options] of Object.entries(MODES)) {
  describe(`over ${mode}`, () => {
    test('what is emitted right before the disconnect is heard', beyond('loses some of it'), async () => {
      const heard = []
      const listen = (socket) => socket.on('last word', (number) => heard.push(number))
      world.io.on('connection', listen)
      try {
        for (let number = 0; number < 20; number++) {
          const client = await driver.open(world.url(), options)
          await client.next('connect')
          await Promise.all([client.emit('last word', number), client.disconnect()])
        }
        await until(() => heard.length === 20, 'all last words')
        assert.deepEqual(heard.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, number) => number))
      } finally {
        world.io.off('connection', listen)
      }
    })

    const pair = async (more = {}, where = world) => {
      const client = await driver.open(where.url(), { ...options, ...more })
      const { id } = await client.next('connect')
      await client.settled(mode)
      return { client, socket: where.socket(id), id }
    }

    describe('the server ends it', () => {
      test('socket.disconnect(): no reconnection; connect() works', async () => {
        const { client, socket } = await pair()
        socket.disconnect()
        assert.equal((await client.next('disconnect')).reason, 'io server disconnect')
        const { connected, active, id } = await client.state()
        assert.deepEqual([connected, active, id], [false, false, null])
        await client.connect()
        await client.next('connect')
        assert.deepEqual(await client.ask('echo', 1), [1])
        assert.equal(client.all('reconnect_attempt').length, 0)
      })

      test('socket.disconnect() of one namespace: the other stays', async () => {
        world.io.of('/other').on('connection', echo)
        const { client } = await pair()
        const other = await driver.socket(client, '/other')
        const { id } = await other.next('connect')
        world.socket(id, '/other').disconnect()
        assert.equal((await other.next('disconnect')).reason, 'io server disconnect')
        assert.deepEqual(await client.ask('echo', 1), [1])
        assert.equal(client.all('disconnect').length, 0)
      })

      test('socket.disconnect(true): every namespace, and no reconnection', async () => {
        world.io.of('/other').on('connection', echo)
        const { client, socket } = await pair()
        const other = await driver.socket(client, '/other')
        await other.next('connect')
        const closed = event(socket.conn, 'close')
        socket.disconnect(true)
        assert.equal((await client.next('disconnect')).reason, 'io server disconnect')
        assert.equal((await other.next('disconnect')).reason, 'io server disconnect')
        await closed
        assert.deepEqual([(await client.state()).active, (await other.state()).active], [false, false])
        await client.connect()
        await client.next('connect')
        assert.deepEqual(await client.ask('echo', 1), [1])
      })

      test('what it emitted before arrives', async () => {
        const { client, socket } = await pair()
        socket.emit('n', 1)
        socket.emit('n', Buffer.from([2]))
        socket.disconnect(true)
        await client.next('disconnect')
        assert.deepEqual(client.log.slice(-3).map(({ ev, args }) => [ev, args?.[0]]), [['event', 1], ['event', { $bin: 'Ag==' }], ['disconnect', undefined]])
      })

      test('the connection is closed below: the client comes back', async () => {
        const { client, socket, id } = await pair()
        socket.conn.close()
        assert.match((await client.next('disconnect')).reason, GONE)
        assert.equal((await client.next('reconnect_attempt')).attempt, 1)
        assert.equal((await client.next('reconnect')).attempt, 1)
        assert.notEqual((await client.next('connect')).id, id)
        assert.deepEqual(await client.ask('echo', 1), [1])
        assert.equal(client.all('disconnect').length, 1)
      })

      test('the server closes, and starts again: buffered emits arrive once and in order, acks too', async () => {
        const other = await World.start()
        const seen = []
        try {
          const { client, id } = await pair({}, other)
          await other.stop()
          assert.match((await client.next('disconnect')).reason, /^(io server disconnect|transport close|transport error)$/)
          // Where the server said goodbye to the namespace nobody reconnects by himself.
          if (!(await client.state()).active) await client.connect()
          for (let i = 0; i < 20; i++) await client.emit('n', i, ...(i % 3 ? [] : [Buffer.from([i])]))
          const tags = [await client.call('echo', ['a']), await client.call('echo', [Buffer.from('b')], { timeout: 60_000 })]
          const late = await client.call('echo', ['c'], { timeout: 1 })
          assert.deepEqual(await client.result(late), { err: 'timeout' })
          other.behave = (socket) => {
            echo(socket)
            socket.on('n', (i) => seen.push(i))
            socket.on('echo', (value) => seen.push(value))
          }
          await other.listen(other.port)
          const again = await client.next('connect')
          assert.notEqual(again.id, id)
          assert.deepEqual(await client.result(tags[0]), { args: ['a'] })
          assert.deepEqual(await client.result(tags[1]), { args: [Buffer.from('b')] })
          assert.deepEqual(await client.ask('echo', 'end'), ['end'])
          assert.deepEqual(seen, [...Array.from({ length: 20 }, (_, i) => i), 'a', Buffer.from('b'), 'end'])
          assert.equal(client.all('disconnect').length, 1)
          await driver.release()
        } finally {
          await other.stop()
        }
      })
    })

    describe('a network that breaks', () => {
      let proxy
      const through = async (more = {}) => {
        proxy = await Proxy.start(world.port)
        const client = await driver.open(`http://127.0.0.1:${proxy.port}/`, { ...options, ...more })
        const { id } = await client.next('connect')
        await client.settled(mode)
        return { client, socket: world.socket(id), id }
      }
      /// Cuts every connection, and lets none through until the clients know.
      const cut = async (...clients) => {
        proxy.refuse()
        proxy.cut()
        for (const client of clients) assert.match((await client.next('disconnect')).reason, GONE)
        proxy.refuse(false)
      }
      afterEach(async () => {
        await driver.release()
        await proxy?.stop()
        proxy = undefined
      })

      test('every connection is reset: disconnect once, then back, with what was buffered', async () => {
        const { client, id } = await through()
        const pending = await client.call('silent', [], { timeout: 60_000 })
        await client.ask('echo', 1) // so that the question has left
        proxy.refuse()
        proxy.cut()
        assert.match((await client.next('disconnect')).reason, GONE)
        assert.deepEqual(await client.result(pending), { err: 'disconnected' })
        const tag = await client.call('echo', ['buffered'])
        await client.next('connect_error')
        assert.equal((await client.state()).active, true)
        proxy.refuse(false)
        const { attempt } = await client.next('reconnect')
        assert(attempt >= 1)
        assert.notEqual((await client.next('connect')).id, id)
        assert.deepEqual(await client.result(tag), { args: ['buffered'] })
        assert.equal(client.all('disconnect').length, 1)
        const attempts = client.all('reconnect_attempt').map(({ attempt }) => attempt)
        assert.deepEqual(attempts, Array.from({ length: attempts.length }, (_, i) => i + 1))
      })

      test('several namespaces come back together', async () => {
        world.io.of('/other').on('connection', echo)
        const { client } = await through()
        const other = await driver.socket(client, '/other', { who: 'me' })
        await other.next('connect')
        await cut(client, other)
        await client.next('connect')
        const { id } = await other.next('connect')
        assert.deepEqual(world.socket(id, '/other').handshake.auth, { who: 'me' })
        assert.deepEqual(await Promise.all([client.ask('echo', 1), other.ask('echo', 2)]), [[1], [2]])
      })

      test('again and again: nothing lost that was emitted while away, nothing doubled', async () => {
        const seen = []
        const { client } = await through({ reconnectionDelay: 1, reconnectionDelayMax: 5 })
        world.behave = (socket) => {
          echo(socket)
          socket.on('n', (i) => seen.push(i))
        }
        try {
          for (let round = 0; round < 10; round++) {
            await cut(client)
            for (let i = 0; i < 3; i++) await client.emit('n', round * 3 + i)
            await client.next('connect')
            assert.deepEqual(await client.ask('echo', round), [round])
            // No upgrade is under way when the next one strikes, for it would fail later than the rest.
            await client.settled(mode)
          }
          assert.deepEqual(seen, Array.from({ length: 30 }, (_, i) => i))
        } finally {
          world.behave = echo
        }
      })

      test('the other side only stops to send (half-close): the client goes and comes back', async () => {
        const { client } = await through()
        proxy.halfClose()
        assert.match((await client.next('disconnect')).reason, GONE)
        proxy.halfClose(false)
        await client.next('connect')
        assert.deepEqual(await client.ask('echo', 1), [1])
      })
    })

    describe('heartbeats', () => {
      test('they keep a quiet connection', async () => {
        const quick = await World.start({ pingInterval: 100, pingTimeout: 5000 })
        try {
          const { client, socket } = await pair({}, quick)
          let pongs = 0
          socket.conn.on('packet', ({ type }) => (pongs += type === 'pong'))
          await until(() => pongs >= 5, 'five pongs')
          assert.deepEqual(await client.ask('echo', 1), [1])
          assert.equal(client.all('disconnect').length, 0)
          await driver.release()
        } finally {
          await quick.stop()
        }
      })

      test('the server stops its pings: ping timeout, and back', async () => {
        const quick = await World.start({ pingInterval: 300, pingTimeout: 1000 })
        try {
          const { client, socket } = await pair({}, quick)
          const { conn } = socket
          const send = conn.sendPacket
          conn.sendPacket = function (type, ...rest) {
            if (type !== 'ping') send.call(this, type, ...rest)
          }
          conn.resetPingTimeout = () => {}
          assert.equal((await client.next('disconnect')).reason, 'ping timeout')
          quick.io.engine.opts.pingTimeout = 20_000
          await client.next('connect')
          assert.deepEqual(await client.ask('echo', 1), [1])
          await driver.release()
        } finally {
          await quick.stop()
        }
      })

      test('a network that stalls: ping timeout, and back when it flows', async () => {
        const quick = await World.start({ pingInterval: 300, pingTimeout: 1000 })
        const proxy = await Proxy.start(quick.port)
        try {
          const client = await driver.open(`http://127.0.0.1:${proxy.port}/`, { ...options, timeout: 400 })
          await client.next('connect')
          await client.settled(mode)
          proxy.stall()
          // Whoever sees it first: the client by its watch, or a buffered reset.
          assert.match((await client.next('disconnect')).reason, /^(ping timeout|transport close|transport error)$/)
          quick.io.engine.opts.pingTimeout = 20_000
          proxy.flow()
          await client.next('connect')
          assert.deepEqual(await client.ask('echo', 1), [1])
          await driver.release()
        } finally {
          await proxy.stop()
          await quick.stop()
        }
      })
    })

    test('the client closes its connection below: it comes back', async () => {
      const { client, socket } = await pair()
      const left = event(socket, 'disconnect')
      await client.closeEngine()
      assert.match((await client.next('disconnect')).reason, /^(transport close|forced close)$/)
      await left
      await client.next('reconnect')
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 1), [1])
      assert.equal(client.all('disconnect').length, 1)
    })

    describe('retries', () => {
      const setup = async (answer, more) => {
        const seen = []
        const other = await World.start({}, (socket) => socket.on('n', (i, ack) => {
          seen.push(i)
          if (answer(i, seen)) ack(`ok ${i}`)
        }))
        const client = await driver.connected(other.url(), { ...options, retries: 2, ackTimeout: 60_000, ...more })
        await client.settled(mode)
        return { seen, other, client }
      }

      test('each event is answered before the next one leaves', async () => {
        const { seen, other, client } = await setup(() => true)
        try {
          const tags = []
          for (let i = 0; i < 5; i++) tags.push(await client.call('n', [i]))
          await client.emit('n', 5)
          for (const [i, tag] of tags.entries()) assert.deepEqual(await client.result(tag), { args: [`ok ${i}`] })
          await until(() => seen.length === 6, 'the last event')
          assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
          await driver.release()
        } finally {
          await other.stop()
        }
      })

      test('an event that is never answered is tried again, then given up; the next one follows', async () => {
        const { seen, other, client } = await setup((i) => i !== 'bad', { ackTimeout: 500 })
        try {
          const bad = await client.call('n', ['bad'])
          const good = await client.call('n', ['good'])
          assert.deepEqual(await client.result(bad), { err: 'timeout' })
          assert.deepEqual(await client.result(good), { args: ['ok good'] })
          // On a busy machine the answer to the good one may be late as well.
          assert.deepEqual(seen.slice(0, 4), ['bad', 'bad', 'bad', 'good'])
          assert(seen.slice(4).every((value) => value === 'good'))
          await driver.release()
        } finally {
          await other.stop()
        }
      })

      test('what waits for its answer is sent again after a reconnection', async () => {
        const { seen, other, client } = await setup((i, seen) => seen.length > 1)
        try {
          const tag = await client.call('n', [Buffer.from('x')])
          await until(() => seen.length === 1, 'the first try')
          await client.closeEngine()
          await client.next('connect')
          assert.equal((await client.result(tag)).args.length, 1)
          assert.deepEqual(seen, [Buffer.from('x'), Buffer.from('x')])
          await driver.release()
        } finally {
          await other.stop()
        }
      })
    })
  })
}

describe('reconnection', () => {
  test('a limited number of attempts, then it gives up; connect() starts anew', async () => {
    const port = await freePort()
    const client = await driver.open(`http://127.0.0.1:${port}/`, { reconnectionAttempts: 2, reconnectionDelay: 20 })
    assert.equal((await client.next('reconnect_failed')).attempt, 2)
    await client.when(() => client.all('connect_error').length === 3, 'three errors')
    // The last error comes beside the end of the loop.
    const kinds = client.log.filter(({ ev }) => ev !== 'connect_error').map(({ ev, attempt }) => `${ev} ${attempt}`)
    assert.deepEqual(kinds, ['reconnect_attempt 1', 'reconnect_attempt 2', 'reconnect_failed 2'])
    for (const { message, data } of client.all('connect_error')) {
      assert.match(message, /\S/)
      assert.equal(data, null)
    }
    const other = await World.start()
    try {
      await other.stop()
      await other.listen(port)
      await client.connect()
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 1), [1])
      await driver.release()
    } finally {
      await other.stop()
    }
  })

  test('none, if it is off: neither at the first connection nor later', async () => {
    const port = await freePort()
    const failed = await driver.open(`http://127.0.0.1:${port}/`, { reconnection: false })
    await failed.next('connect_error')
    const client = await driver.connected(world.url(), { reconnection: false, transports: ['websocket'] })
    world.socket((await client.state()).id).conn.close()
    await client.next('disconnect')
    await client.connect() // by hand it works
    await client.next('connect')
    assert.deepEqual(await client.ask('echo', 1), [1])
    for (const handle of [failed, client]) assert.equal(handle.all('reconnect_attempt').length, 0)
  })

  test('delays grow up to their bound, and no request comes earlier', async () => {
    const proxy = await Proxy.start(world.port)
    proxy.refuse()
    try {
      const started = performance.now()
      const client = await driver.open(`http://127.0.0.1:${proxy.port}/`, {
        transports: ['websocket'], reconnectionDelay: 40, reconnectionDelayMax: 100, randomizationFactor: 0, reconnectionAttempts: 5,
      })
      await client.next('reconnect_failed')
      // 40 + 80 + 100 + 100 + 100, and timers may be a little early.
      assert(performance.now() - started > 400)
      assert.equal(proxy.accepted, 6)
    } finally {
      await driver.release()
      await proxy.stop()
    }
  })

  test('disconnect() stops it', async () => {
    const proxy = await Proxy.start(world.port)
    proxy.refuse()
    try {
      const client = await driver.open(`http://127.0.0.1:${proxy.port}/`)
      await client.next('reconnect_attempt')
      await client.disconnect()
      assert.equal((await client.state()).active, false)
      const before = proxy.accepted
      // Another client of the same program makes several attempts meanwhile.
      const other = await driver.open(`http://127.0.0.1:${await freePort()}/`, { reconnectionAttempts: 4, randomizationFactor: 0 })
      await other.next('reconnect_failed')
      assert(proxy.accepted <= before + 1)
      assert.equal(client.all('connect').length, 0)
      assert.equal(client.all('disconnect').length, 0)
    } finally {
      await driver.release()
      await proxy.stop()
    }
  })

  for (const [mode, options] of Object.entries(MODES)) {
    test(`over ${mode}: a connection that is not made in time is given up, and closed`, async () => {
      const sockets = new Set()
      const silent = net.createServer((socket) => sockets.add(socket.on('error', () => {}).resume())).listen(0, '127.0.0.1')
      await once(silent, 'listening')
      try {
        const client = await driver.open(`http://127.0.0.1:${silent.address().port}/`, { ...options, timeout: 100, reconnectionAttempts: 1 })
        assert.equal((await client.next('connect_error')).message, 'timeout')
        assert.equal((await client.next('reconnect_attempt')).attempt, 1)
        assert.equal((await client.next('connect_error')).message, 'timeout')
        await client.next('reconnect_failed')
        // The official client leaves a first GET open for ever.
        if (!reference) await until(() => [...sockets].every((socket) => socket.destroyed || socket.readableEnded), 'the client to close what it gave up')
      } finally {
        await driver.release()
        for (const socket of sockets) socket.destroy()
        silent.close()
      }
    })
  }

  test('auth is asked anew: what connect() set counts for reconnections', async () => {
    const auths = []
    const other = await World.start({}, (socket) => {
      echo(socket)
      auths.push(socket.handshake.auth)
    })
    try {
      const client = await driver.connected(other.url(), { auth: { n: 1 }, transports: ['websocket'] })
      await client.disconnect()
      await client.next('disconnect')
      await client.connect({ n: 2 })
      await client.next('connect')
      await client.closeEngine()
      await client.next('connect')
      assert.deepEqual(auths, [{ n: 1 }, { n: 2 }, { n: 2 }])
      await driver.release()
    } finally {
      await other.stop()
    }
  })
})

describe('emitting while away', () => {
  test('before connect(): it waits, in order, and needs no reconnection', async () => {
    const client = await driver.open(world.url(), { autoConnect: false })
    assert.deepEqual(await client.state(), { connected: false, id: null, recovered: false, transport: null, active: false })
    for (let i = 0; i < 5; i++) await client.emit('echo', i, Buffer.from([i]))
    const tag = await client.call('echo', ['last'])
    await client.connect()
    assert.deepEqual(await client.result(tag), { args: ['last'] })
    assert.deepEqual(client.all('event', 'echo').map(({ args: [i] }) => i), [0, 1, 2, 3, 4])
    assert.equal(client.log.find(({ ev }) => ev !== 'upgrade').ev, 'connect')
  })

  test('volatile is dropped', beyond('keeps it while the closed transport looks writable'), async () => {
    const seen = []
    const other = await World.start()
    try {
      const client = await driver.connected(other.url(), { transports: ['websocket'] })
      await other.stop()
      await client.next('disconnect')
      await client.volatile('n', 'lost')
      other.behave = (socket) => {
        echo(socket)
        socket.on('n', (value) => seen.push(value))
      }
      await other.listen(other.port)
      await client.connect()
      assert.deepEqual(await client.ask('echo', 1), [1])
      assert.deepEqual(seen, [])
      await driver.release()
    } finally {
      await other.stop()
    }
  })

  test('an ack that times out meanwhile is not sent later', async () => {
    const seen = []
    const other = await World.start({}, (socket) => {
      echo(socket)
      socket.on('n', (i) => seen.push(i))
    })
    try {
      const client = await driver.open(other.url(), { autoConnect: false })
      const tag = await client.call('n', [1], { timeout: 20 })
      assert.deepEqual(await client.result(tag), { err: 'timeout' })
      await client.connect()
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 1), [1])
      assert.deepEqual(seen, [])
      await driver.release()
    } finally {
      await other.stop()
    }
  })

  test('ackTimeout is the default of every ack', async () => {
    const client = await driver.connected(world.url(), { ackTimeout: 50 })
    assert.deepEqual(await client.result(await client.call('silent')), { err: 'timeout' })
    assert.deepEqual(await client.result(await client.call('echo', [1], { timeout: 60_000 })), { args: [1] })
  })
})

describe('the program', () => {
  const fresh = async () => {
    const own = await Driver.start()
    const client = await own.connected(world.url())
    return { own, client }
  }

  test('says what it can', async () => {
    const { ev, protocol, caps } = driver.hello
    assert.deepEqual([ev, protocol], ['hello', 1])
    for (const cap of ['polling', 'websocket', 'upgrade', 'retries', 'cookies']) assert(caps.includes(cap), cap)
  })

  test('refuses what it does not understand, and goes on', async () => {
    await assert.rejects(driver.command('dance'), /refused/)
    await assert.rejects(driver.command('emit', { c: 'nobody', ev: 'x', args: [] }), /refused/)
    await assert.rejects(driver.command('open', { c: 'x' }), /refused/)
    const client = await driver.connected(world.url())
    for (const name of ['connect', 'disconnect', 'connect_error']) await assert.rejects(client.emit(name), /refused/)
    assert.deepEqual(await client.ask('echo', 1), [1])
  })

  test('exit: answers, ends with 0, whatever is connected', async () => {
    const { own } = await fresh()
    await own.command('exit')
    assert.equal(await within(own.peer.ended, 'the end'), 'code 0')
  })

  test('the end of its input: ends with 0', async () => {
    const { own, client } = await fresh()
    await client.emit('echo', 1)
    own.peer.child.stdin.end()
    assert.equal(await within(own.peer.ended, 'the end'), 'code 0')
  })

  test('a process killed: the server sees it', async () => {
    const { own, client } = await fresh()
    const left = event(world.socket((await client.state()).id), 'disconnect')
    await own.stop()
    assert.match((await left)[0], GONE)
  })
})
