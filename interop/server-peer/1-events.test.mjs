// What travels: events, binary, acknowledgements, namespaces, auth, headers; over each transport.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Driver, MODES, World, beyond, echo, event } from './helpers.mjs'
import { until, within } from '../lib/util.mjs'

let driver, world
before(async () => {
  driver = await Driver.start()
  world = await World.start({ pingInterval: 5000 })
})
after(async () => {
  await driver?.stop()
  await world?.stop()
})
afterEach(() => driver.release())

const NESTED = { a: [Buffer.from([1, 2, 3]), { b: { c: Buffer.alloc(0) } }, 'text'], d: Buffer.from([255, 0, 128]), e: null, f: [[[Buffer.from('x')]]] }
const VALUES = [1, -2.5, 'text', '', true, null, [], {}, [1, [2, [3]]], { a: { b: ['c'] } }, 'Δx €  🦀 \u0000 "\\\n', '\u2028\u2029', 9007199254740991]

for (const [mode, options] of Object.entries(MODES)) {
  describe(`over ${mode}`, () => {
    /// A connected client, past its upgrade, and the server's side of it.
    const pair = async (more = {}) => {
      const client = await driver.open(world.url(), { ...options, ...more })
      const { id } = await client.next('connect')
      await client.settled(mode)
      const socket = world.socket(id)
      // The client is told a little before the server.
      await until(() => socket.conn.transport.name === (mode === 'polling' ? 'polling' : 'websocket'), 'the transport of the server')
      return { client, socket, id }
    }

    test('connects, with the id that the server gave', async () => {
      const { client, socket, id } = await pair()
      assert.equal(socket.id, id)
      assert.deepEqual(await client.state(), {
        connected: true, id, recovered: false, transport: mode === 'polling' ? 'polling' : 'websocket', active: true,
      })
    })

    test('values of every kind, there and back', async () => {
      const { client } = await pair()
      for (const value of VALUES) {
        await client.emit('echo', value)
        assert.deepEqual(await client.event('echo'), [value])
      }
      await client.emit('echo', ...VALUES)
      assert.deepEqual(await client.event('echo'), VALUES)
      await client.emit('echo')
      assert.deepEqual(await client.event('echo'), [])
    })

    test('binary nested anywhere, from the client', async () => {
      const { client, socket } = await pair()
      const came = event(socket, 'file')
      await client.emit('file', NESTED, 'x', Buffer.from('last'))
      assert.deepEqual(await came, [NESTED, 'x', Buffer.from('last')])
    })

    test('binary nested anywhere, from the server', async () => {
      const { client, socket } = await pair()
      socket.emit('file', NESTED, 'x', Buffer.from('last'))
      assert.deepEqual(await client.event('file'), [NESTED, 'x', Buffer.from('last')])
    })

    test('binary in what is acknowledged, both ways', async () => {
      const { client, socket } = await pair()
      assert.deepEqual(await client.ask('echo', NESTED, 1), [NESTED, 1])
      await client.reply('ask', NESTED, 2)
      assert.deepEqual(await within(new Promise((resolve) => socket.emit('ask', Buffer.from('q'), (...args) => resolve(args))), 'the answer'), [NESTED, 2])
      assert.deepEqual(await client.event('ask'), [Buffer.from('q')])
    })

    test('ten attachments, the most that the server takes', async () => {
      const { client } = await pair()
      const list = Array.from({ length: 10 }, (_, i) => Buffer.from([i]))
      assert.deepEqual(await client.ask('echo', list), [list])
    })

    test('the order of events is kept, binary among them', async () => {
      const { client, socket } = await pair()
      const seen = []
      socket.on('n', (value) => seen.push(Buffer.isBuffer(value) ? value[0] : value))
      for (let i = 0; i < 200; i++) await client.emit('n', i % 3 ? i : Buffer.from([i]))
      for (let i = 0; i < 200; i++) socket.emit('n', i % 3 ? i : Buffer.from([i]))
      await until(() => seen.length >= 200, 'all events at the server')
      await client.when(() => client.all('event', 'n').length >= 200, 'all events at the client')
      const numbers = Array.from({ length: 200 }, (_, i) => i)
      assert.deepEqual(seen, numbers)
      assert.deepEqual(client.all('event', 'n').map(({ args: [value] }) => (typeof value === 'number' ? value : Buffer.from(value.$bin, 'base64')[0])), numbers)
    })

    test('acknowledgements of the server, many outstanding, in any order', async () => {
      const { client, socket } = await pair()
      const acks = []
      socket.on('later', (i, ack) => acks.push([i, ack]))
      const tags = []
      for (let i = 0; i < 40; i++) tags.push(await client.call('later', [i]))
      await until(() => acks.length === 40, 'the questions')
      for (const [i, ack] of acks.reverse()) ack(i, i * 2)
      for (const [i, tag] of tags.entries()) assert.deepEqual(await client.result(tag), { args: [i, i * 2] })
    })

    test('acknowledgements of the client: an answer, silence, and another answer', async () => {
      const { client, socket } = await pair()
      await assert.rejects(socket.timeout(50).emitWithAck('ask', 0), /timed out/)
      await client.reply('ask', 'a', 1)
      assert.equal(await within(socket.emitWithAck('ask', 1), 'the answer'), 'a')
      await client.silence('ask')
      await assert.rejects(socket.timeout(50).emitWithAck('ask', 2), /timed out/)
      await client.reply('ask')
      assert.equal(await within(socket.emitWithAck('ask', 3), 'the answer'), undefined)
      socket.emit('ask', 4)
      await client.when(() => client.all('event', 'ask').length === 5, 'five questions')
      assert.deepEqual(client.all('event', 'ask').map(({ args: [i], ack }) => [i, ack]), [[0, true], [1, true], [2, true], [3, true], [4, false]])
    })

    test('an acknowledgement that does not come in time, and one too late', async () => {
      const { client, socket } = await pair()
      const asked = event(socket, 'late')
      const tag = await client.call('late', [1], { timeout: 50 })
      assert.deepEqual(await client.result(tag), { err: 'timeout' })
      const [, ack] = await asked
      ack('too late')
      assert.deepEqual(await client.ask('echo', 'behind it'), ['behind it'])
      assert.equal(client.all('ack').filter((message) => message.tag === tag).length, 1)
    })

    test('an acknowledgement that cannot come: the server disconnects', async () => {
      const { client, socket } = await pair()
      const [one, two] = [event(socket, 'one'), event(socket, 'two')]
      const tags = [await client.call('one', [1]), await client.call('two', [2], { timeout: 60_000 })]
      await one
      await two
      socket.disconnect()
      for (const tag of tags) assert.deepEqual(await client.result(tag), { err: 'disconnected' })
      assert.equal((await client.next('disconnect')).reason, 'io server disconnect')
    })

    test('several namespaces over one connection', async () => {
      world.io.of('/a').on('connection', echo)
      world.io.of('/b').on('connection', echo)
      const a = await driver.connected(world.url('/a'), options)
      await a.settled(mode)
      const b = await driver.socket(a, '/b', { who: 'b' })
      const { id } = await b.next('connect')
      assert.deepEqual(world.socket(id, '/b').handshake.auth, { who: 'b' })
      assert.notEqual(id, (await a.state()).id)
      assert.equal(world.socket(id, '/b').conn, world.socket((await a.state()).id, '/a').conn)
      await a.emit('echo', 'to a')
      await b.emit('echo', 'to b')
      assert.deepEqual(await a.event('echo'), ['to a'])
      assert.deepEqual(await b.event('echo'), ['to b'])
      assert.deepEqual(await Promise.all([a.ask('echo', 1), b.ask('echo', 2)]), [[1], [2]])

      await a.disconnect()
      assert.equal((await a.next('disconnect')).reason, 'io client disconnect')
      assert.deepEqual(await b.ask('echo', 'still here'), ['still here'])
      await a.connect()
      await a.next('connect')
      assert.deepEqual(await a.ask('echo', 'again'), ['again'])
    })

    test('the connection closes with its last namespace', async () => {
      const { client, socket } = await pair()
      const closed = event(socket.conn, 'close')
      const left = event(socket, 'disconnect')
      await client.disconnect()
      assert.equal((await client.next('disconnect')).reason, 'io client disconnect')
      assert.deepEqual((await left)[0], 'client namespace disconnect')
      await closed
      assert.deepEqual(await client.state(), { connected: false, id: null, recovered: false, transport: null, active: false })
      await client.connect()
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 'again'), ['again'])
      assert.equal(client.all('disconnect').length, 1)
    })

    test('events emitted just before the client leaves arrive', async () => {
      const { client, socket } = await pair()
      // One step below: the server passes over events that come in one turn with the goodbye.
      const messages = []
      socket.conn.on('data', (data) => messages.push(data))
      const left = event(socket, 'disconnect')
      await client.emit('n', 1)
      await client.emit('n', Buffer.from([2]))
      await client.emit('n', 3)
      await client.disconnect()
      await left
      assert.deepEqual(messages, ['2["n",1]', '51-["n",{"_placeholder":true,"num":0}]', Buffer.from([2]), '2["n",3]', '1'])
    })

    test('auth refused with data, then accepted', async () => {
      const asked = []
      const vip = world.io.of(`/vip-${mode}`)
      vip.use((socket, next) => {
        asked.push(socket.handshake.auth)
        if (socket.handshake.auth.token === 'secret') return next()
        next(Object.assign(new Error('Not authorized'), { data: { code: 401, ask: ['token'] } }))
      })
      const client = await driver.open(world.url(`/vip-${mode}`), { ...options, auth: { token: 'wrong', deep: { x: [1] } } })
      assert.deepEqual(await client.next('connect_error'), {
        ev: 'connect_error', c: client.c, message: 'Not authorized', data: { code: 401, ask: ['token'] },
      })
      const { connected, active } = await client.state()
      assert.deepEqual([connected, active], [false, false])
      await client.connect({ token: 'secret' })
      await client.next('connect')
      assert.deepEqual(asked, [{ token: 'wrong', deep: { x: [1] } }, { token: 'secret' }])
      assert.equal(client.all('reconnect_attempt').length, 0)
      assert.equal(client.all('disconnect').length, 0)
    })

    test('a refusal without data, and a namespace that is not there; the other namespace stays', async () => {
      world.io.of(`/no-${mode}`).use((socket, next) => next(new Error('no')))
      const { client } = await pair()
      const refused = await driver.socket(client, `/no-${mode}`)
      assert.deepEqual(await refused.next('connect_error'), { ev: 'connect_error', c: refused.c, message: 'no', data: null })
      const unknown = await driver.socket(client, '/nowhere')
      assert.deepEqual(await unknown.next('connect_error'), { ev: 'connect_error', c: unknown.c, message: 'Invalid namespace', data: null })
      assert.deepEqual(await client.ask('echo', 1), [1])
    })

    test('a slow middleware: what was emitted meanwhile comes after it, once and in order', async () => {
      const slow = world.io.of(`/slow-${mode}`)
      const seen = []
      let admit
      slow.use((socket, next) => (admit = next))
      slow.on('connection', (socket) => socket.on('n', (i, ack) => {
        seen.push(i)
        ack?.(i)
      }))
      const { client } = await pair()
      const waiting = await driver.socket(client, `/slow-${mode}`)
      for (let i = 0; i < 3; i++) await waiting.emit('n', i)
      const tag = await waiting.call('n', [3])
      await until(() => admit, 'the middleware')
      assert.deepEqual(await client.ask('echo', 'meanwhile'), ['meanwhile'])
      assert.equal((await waiting.state()).connected, false)
      admit()
      await waiting.next('connect')
      assert.deepEqual(await waiting.result(tag), { args: [3] })
      assert.deepEqual(seen, [0, 1, 2, 3])
    })

    test('volatile is dropped while the namespace waits', beyond('keeps it if the transport is writable'), async () => {
      const seen = []
      let admit
      const slow = world.io.of(`/slow-volatile-${mode}`)
      slow.use((socket, next) => (admit = next))
      slow.on('connection', (socket) => socket.on('n', (i, ack) => {
        seen.push(i)
        ack?.()
      }))
      const { client } = await pair()
      const waiting = await driver.socket(client, `/slow-volatile-${mode}`)
      await until(() => admit, 'the middleware')
      await waiting.volatile('n', 'never')
      const tag = await waiting.call('n', [1])
      admit()
      await waiting.result(tag)
      assert.deepEqual(seen, [1])
    })

    test('what the server emits at once comes behind the connect, in order', async () => {
      const hello = world.io.of(`/hello-${mode}`)
      hello.on('connection', (socket) => {
        for (let i = 0; i < 5; i++) socket.emit('n', i, Buffer.from([i]))
      })
      const client = await driver.open(world.url(`/hello-${mode}`), options)
      await client.when(() => client.all('event', 'n').length === 5, 'five events')
      assert.deepEqual(client.log.filter(({ ev }) => ev !== 'upgrade').map(({ ev, args }) => args?.[0] ?? ev), ['connect', 0, 1, 2, 3, 4])
    })

    test('volatile: dropped before the connection, sent when idle', async () => {
      const client = await driver.open(world.url(), { ...options, autoConnect: false })
      await client.volatile('echo', 'lost')
      await client.connect()
      await client.next('connect')
      await client.settled(mode)
      // Writable again, when a question has been answered and nothing is under way.
      await until(async () => {
        await client.volatile('echo', 'kept')
        await client.ask('echo')
        return client.all('event', 'echo').length
      }, 'a volatile event')
      assert(client.all('event', 'echo').every(({ args }) => args[0] === 'kept'))
    })

    test('extra headers, query and path, on every request', async () => {
      const other = await World.start({ path: '/a/b' })
      try {
        const client = await driver.connected(other.url(), {
          ...options, path: '/a/b', query: { room: 'a b&c=d', 'k%': 'é' }, extraHeaders: { 'X-Token': 'abc', 'x-other': 'd; e' },
        })
        await client.settled(mode)
        assert.deepEqual(await client.ask('echo', 1), [1])
        const { handshake } = other.socket((await client.state()).id)
        assert.equal(handshake.query.room, 'a b&c=d')
        assert.equal(handshake.headers['x-token'], 'abc')
        assert(other.requests.length >= 1)
        for (const { path, query, headers, method, upgrade } of other.requests) {
          assert.equal(path, '/a/b/')
          assert.equal(query.EIO, '4')
          assert.equal(query.transport, upgrade ? 'websocket' : 'polling')
          assert.deepEqual([query.room, query['k%']], ['a b&c=d', 'é'])
          assert.deepEqual([headers['x-token'], headers['x-other']], ['abc', 'd; e'])
          assert.match(headers.host, /^127\.0\.0\.1:\d+$/)
          if (method === 'POST') assert.match(headers['content-type'], /^text\/plain/i)
        }
        const methods = new Set(other.requests.map(({ method, upgrade }) => (upgrade ? 'ws' : method)))
        assert.deepEqual([...methods].sort(), { polling: ['GET', 'POST'], websocket: ['ws'], upgraded: ['GET', 'POST', 'ws'] }[mode])
        await driver.release()
      } finally {
        await other.stop()
      }
    })

    if (mode !== 'websocket') {
      for (const cookies of [true, false]) {
        test(`cookies ${cookies ? 'are kept and sent back' : 'are ignored unless asked for'}`, async () => {
          const other = await World.start({ cookie: { name: 'route', maxAge: 3600 } })
          other.io.engine.on('initial_headers', (headers) => (headers['x-more'] = '1'))
          try {
            const client = await driver.connected(other.url(), { ...options, cookies })
            await client.settled(mode)
            assert.deepEqual(await client.ask('echo', 1), [1])
            const [first, ...later] = other.requests
            assert.equal(first.headers.cookie, undefined)
            assert(later.length > 0)
            for (const { headers } of later) cookies ? assert.match(headers.cookie, /^route=\S+$/) : assert.equal(headers.cookie, undefined)
            await driver.release()
          } finally {
            await other.stop()
          }
        })
      }
    }
  })
}

describe('choice of the transport', () => {
  const via = async (options, server = {}) => {
    const other = await World.start(server)
    try {
      const client = await driver.connected(other.url(), options)
      assert.deepEqual(await client.ask('echo', 1), [1])
      const { transport } = await client.state()
      const kinds = new Set(other.requests.map(({ upgrade }) => (upgrade ? 'websocket' : 'polling')))
      await driver.release()
      return [transport, [...kinds].sort()]
    } finally {
      await other.stop()
    }
  }

  test('upgrade: false stays with polling', async () => assert.deepEqual(await via({ upgrade: false }), ['polling', ['polling']]))
  test('a server without upgrades', async () => assert.deepEqual(await via({}, { allowUpgrades: false }), ['polling', ['polling']]))
  test('WebSocket first', async () => assert.deepEqual(await via({ transports: ['websocket', 'polling'] }), ['websocket', ['websocket']]))

  test('the default: polling, then WebSocket, told once', async () => {
    const client = await driver.connected(world.url())
    assert.equal((await client.next('upgrade')).transport, 'websocket')
    assert.equal((await client.state()).transport, 'websocket')
    assert.equal(client.all('upgrade').length, 1)
  })

  test('both sides emit all the time while the connection upgrades: nothing lost, doubled or out of order', async () => {
    for (let round = 0; round < 5; round++) {
      const seen = []
      const other = await World.start({}, (socket) => {
        socket.on('n', (i) => seen.push(i))
        let i = 0
        const timer = setInterval(() => {
          if (i < 100) socket.emit('n', i++, ...(i % 4 ? [] : [Buffer.from([i])]))
          else clearInterval(timer)
        }, 1)
      })
      try {
        const client = await driver.open(other.url())
        for (let i = 0; i < 150; i++) await client.emit('n', i, ...(i % 4 ? [] : [Buffer.from([i])]))
        await client.when(() => client.all('event', 'n').length === 100 && client.all('upgrade').length, 'the events of the server and the upgrade')
        await until(() => seen.length >= 150, 'the events of the client')
        assert.deepEqual(client.all('event', 'n').map(({ args: [i] }) => i), Array.from({ length: 100 }, (_, i) => i))
        assert.deepEqual(seen, Array.from({ length: 150 }, (_, i) => i))
        await driver.release()
      } finally {
        await other.stop()
      }
    }
  })
})
