// Events, binary, acknowledgements, namespaces, handshake data: the official client against interop_server.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { PacketType } from 'socket.io-parser'
import { interopServer } from '../lib/peer.mjs'
import { until, within } from '../lib/util.mjs'
import { ask, client, closeAll, collect, connected, connection, event, MODES, observer, settled } from './helpers.mjs'

let server, port
before(async () => {
  server = await interopServer()
  port = server.port
})
after(() => server?.stop())
afterEach(closeAll)

for (const mode of Object.keys(MODES)) {
  describe(`over ${mode}`, () => {
    describe('events', () => {
      test('the server speaks first, behind the CONNECT, and both know the id', async () => {
        const socket = client(port, mode)
        const order = collect(socket, 'connect', 'hello')
        const [id] = await event(socket, 'hello')
        assert.deepEqual(order, [['connect'], ['hello', socket.id]])
        assert.equal(id, socket.id)
        assert.deepEqual(await ask(socket, 'whoami'), { id: socket.id, namespace: '/', connected: true })
        assert.notEqual(socket.id, socket.io.engine.id)
      })

      test('any number of arguments, any JSON', async () => {
        const socket = await connected(port, mode)
        const lists = [
          [], [1], ['a', 'b', 'c'], [null], [true, false, -1.5, 1e300, 0], [{}], [[]], [{ a: { b: [1, { c: null }] } }],
          ['', '€ 😀 \u0000 \u2028 "quoted" \\'], [{ _placeholder: true, num: 0 }], [{ 'key with "quotes"': '{}' }], ['x'.repeat(50_000)],
          Array.from({ length: 50 }, (_, i) => i),
        ]
        const seen = collect(socket, 'echo')
        for (const list of lists) socket.emit('echo', ...list)
        await until(() => seen.length === lists.length, 'all echoes')
        assert.deepEqual(seen, lists.map((list) => ['echo', ...list]))
      })

      test('names of any script; what nobody handles is ignored', async () => {
        const socket = await connected(port, mode)
        for (const name of ['ёлка 🎄', '', 'constructor', '__proto__', 'error', '42', 'echo ']) socket.emit(name, 1)
        assert.equal(await ask(socket, 'echo', 'after'), 'after')
        socket.on('ёлка 🎄', (value, ack) => ack(value))
        assert.deepEqual(await ask(socket, 'ask', 'ёлка 🎄', 30_000, 'x'), { ok: 'x' })
      })

      test('a thousand events each way keep their order, with acknowledgements between', async () => {
        const socket = await connected(port, mode)
        const seen = collect(socket, 'echo')
        for (let i = 0; i < 1000; i++) {
          if (i % 10 === 9) socket.emit('echo', i, (value) => seen.push(['ack', value]))
          else socket.emit('echo', i)
        }
        await until(() => seen.length === 1000, 'all echoes')
        assert.deepEqual(seen, Array.from({ length: 1000 }, (_, i) => [i % 10 === 9 ? 'ack' : 'echo', i]))
      })

      test('the server emits from outside of a handler', async () => {
        const socket = await connected(port, mode)
        const seen = collect(socket, 'tick')
        socket.emit('ticks', 10, 5)
        await until(() => seen.length === 10, 'ten ticks')
        assert.deepEqual(seen, Array.from({ length: 10 }, (_, i) => ['tick', i]))
      })
    })

    describe('binary', () => {
      const samples = {
        'a buffer': Buffer.from([0, 1, 2, 253, 254, 255]),
        'an empty buffer': Buffer.alloc(0),
        'one as large as base64 allows': Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 7) % 256)),
        'nested in objects and lists': { a: Buffer.from('a'), list: [1, Buffer.from('b'), [Buffer.from('c'), { d: Buffer.from('d') }]], text: 'x', none: null },
        'the same one twice': [Buffer.from('same'), Buffer.from('same')],
        'ten of them': Array.from({ length: 10 }, (_, i) => Buffer.alloc(i * 100, i)),
      }
      for (const [what, value] of Object.entries(samples)) {
        test(`${what}: as event, as acknowledgement, and acknowledged by the client`, async () => {
          const socket = await connected(port, mode)
          const back = event(socket, 'echo')
          socket.emit('echo', value, 'then text')
          assert.deepEqual(await back, [value, 'then text'])
          assert.deepEqual(await ask(socket, 'echo', value), value)
          socket.on('question', (question, ack) => ack(question))
          assert.deepEqual(await ask(socket, 'ask', 'question', 30_000, value), { ok: value })
        })
      }

      test('typed arrays and views arrive as their bytes', async () => {
        const socket = await connected(port, mode)
        const whole = Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2])
        assert.deepEqual(await ask(socket, 'echo', new Uint8Array(whole.buffer, 2, 3)), Buffer.from([7, 6, 5]))
        assert.deepEqual(await ask(socket, 'echo', new Int16Array([1, -1])), Buffer.from(new Int16Array([1, -1]).buffer))
        assert.deepEqual(await ask(socket, 'echo', whole.buffer), Buffer.from(whole))
      })

      test('text and binary events keep their order', async () => {
        const socket = await connected(port, mode)
        const seen = collect(socket, 'echo')
        for (let i = 0; i < 60; i++) socket.emit('echo', i % 3 ? i : { i: Buffer.from([i]) })
        await until(() => seen.length === 60, 'all echoes')
        assert.deepEqual(seen.map(([, value]) => (typeof value === 'number' ? value : value.i[0])), Array.from({ length: 60 }, (_, i) => i))
      })

      test('a client that sends binary as base64 only', async () => {
        const socket = await connected(port, mode, { forceBase64: true })
        const value = { a: Buffer.from([1, 2, 255]), b: [Buffer.alloc(0), Buffer.alloc(3000, 7)] }
        assert.deepEqual(await ask(socket, 'echo', value), value)
      })

      test('eleven attachments are too many: the connection ends', async () => {
        const watch = await observer(port)
        const socket = await connected(port, mode)
        const end = event(socket, 'disconnect')
        socket.emit('echo', Array.from({ length: 11 }, () => Buffer.from('x')))
        assert.match((await end)[0], /^transport (close|error)$/)
        assert.match(await watch.reason(socket), /^forced (server )?close$/)
      })
    })

    describe('acknowledgements', () => {
      test('of the server: none, one, several values', async () => {
        const socket = await connected(port, mode)
        for (const list of [[], ['x'], [1, 'two', { three: 3 }]]) {
          const answer = await within(new Promise((resolve) => socket.emit('echo', ...list, (...args) => resolve(args))), 'the acknowledgement')
          assert.deepEqual(answer, list)
        }
      })

      test('of the server, too late for the client: an error, and the late one harms nobody', async () => {
        const socket = await connected(port, mode)
        const acks = []
        socket.io.on('packet', ({ type, data }) => type === PacketType.ACK && acks.push(data[0]))
        await assert.rejects(socket.timeout(20).emitWithAck('late', 150, 'x'), /operation has timed out/)
        assert.equal(await ask(socket, 'late', 0, 'y'), 'y')
        await until(() => acks.includes('x'), 'the late acknowledgement')
        assert.equal(await ask(socket, 'echo', 'z'), 'z')
      })

      test('that never come: the client gives up', async () => {
        const socket = await connected(port, mode)
        await assert.rejects(socket.timeout(50).emitWithAck('silent', 'x'), /operation has timed out/)
        assert.equal(await ask(socket, 'echo', 'y'), 'y')
      })

      test('of the client, in time', async () => {
        const socket = await connected(port, mode)
        socket.on('question', (value, ack) => ack({ got: value }))
        assert.deepEqual(await ask(socket, 'ask', 'question', 30_000, [1, 2]), { ok: { got: [1, 2] } })
      })

      test('of the client, never: the server gives up', async () => {
        const socket = await connected(port, mode)
        assert.deepEqual(await ask(socket, 'ask', 'nobody listens', 50, 1), { error: 'timeout' })
        assert.equal(await ask(socket, 'echo', 'y'), 'y')
      })

      test('of the client, too late: ignored', async () => {
        const socket = await connected(port, mode)
        let late
        socket.on('question', (_, ack) => (late = ack))
        assert.deepEqual(await ask(socket, 'ask', 'question', 50, 1), { error: 'timeout' })
        late('too late')
        assert.equal(await ask(socket, 'echo', 'y'), 'y')
      })

      test('of the client, twice, and for an id nobody gave: ignored', async () => {
        const socket = await connected(port, mode)
        const ids = []
        socket.io.on('packet', ({ type, id }) => type === PacketType.EVENT && id !== undefined && ids.push(id))
        socket.on('question', (_, ack) => ack('first'))
        assert.deepEqual(await ask(socket, 'ask', 'question', 30_000, 1), { ok: 'first' })
        assert.equal(ids.length, 1)
        for (const id of [ids[0], 123_456]) socket.packet({ type: PacketType.ACK, id, data: ['again'] })
        assert.deepEqual(await ask(socket, 'ask', 'question', 30_000, 2), { ok: 'first' })
      })

      test('many at once find their questions', async () => {
        const socket = await connected(port, mode)
        const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(socket, 'echo', i)))
        assert.deepEqual(answers, Array.from({ length: 300 }, (_, i) => i))
      })

      test('the disconnect ends those that wait', async () => {
        const socket = await connected(port, mode)
        const waiting = assert.rejects(socket.emitWithAck('silent'), /socket has been disconnected/)
        socket.disconnect()
        await within(waiting, 'the error')
      })
    })

    describe('namespaces', () => {
      test('several share one connection, each with id, events and acknowledgements of its own', async () => {
        const root = await connected(port, mode)
        const chat = root.io.socket('/chat', { auth: { key: 'chat' } })
        const secret = root.io.socket('/private', { auth: { token: 'secret' } })
        await Promise.all([connection(chat), connection(secret)])
        assert.equal(new Set([root.id, chat.id, secret.id]).size, 3)
        assert.equal(chat.io.engine, root.io.engine)
        const seen = []
        for (const socket of [root, chat, secret]) socket.on('echo', (value) => seen.push([socket.nsp, value]))
        for (const socket of [root, chat, secret]) {
          assert.deepEqual(await ask(socket, 'whoami'), { id: socket.id, namespace: socket.nsp, connected: true })
          socket.emit('echo', Buffer.from(socket.nsp))
        }
        await until(() => seen.length === 3, 'three echoes')
        assert.deepEqual(seen, ['/', '/chat', '/private'].map((name) => [name, Buffer.from(name)]))
      })

      test('leaving one leaves the others; the connection goes with the last', async () => {
        const watch = await observer(port)
        const root = await connected(port, mode)
        const chat = Object.assign(root.io.socket('/chat', { auth: { key: root.key } }), { key: root.key })
        await connection(chat)
        root.disconnect()
        assert.equal(await watch.reason(root, '/'), 'client namespace disconnect')
        assert.equal(await ask(chat, 'echo', 'still here'), 'still here')
        root.connect()
        await connection(root)
        assert.equal(await ask(root, 'echo', 'again'), 'again')
        root.disconnect()
        chat.disconnect()
        assert.equal(await watch.reason(chat, '/chat'), 'client namespace disconnect')
        await until(() => root.io.engine.readyState === 'closed', 'the connection to close')
      })

      test('an unknown one is refused, the others stay', async () => {
        const root = await connected(port, mode)
        const unknown = root.io.socket('/unknown')
        const [error] = await event(unknown, 'connect_error')
        assert.equal(error.message, 'Invalid namespace')
        assert.equal(error.data, undefined)
        assert.equal(unknown.active, false)
        assert.equal(await ask(root, 'echo', 1), 1)
      })

      test('a refused CONNECT carries message and data, and can be repeated with better ones', async () => {
        const socket = client(port, mode, { namespace: '/private', auth: { token: 'wrong' } })
        const [error] = await event(socket, 'connect_error')
        assert.equal(error.message, 'Not authorized')
        assert.deepEqual(error.data, { code: 401, ask: 'token' })
        assert.equal(socket.active, false)
        socket.auth = { token: 'secret', delay: 100 }
        socket.connect()
        await connection(socket)
        assert.equal((await ask(socket, 'handshake')).auth.token, 'secret')
      })

      test('admission takes its time: what the client emits meanwhile arrives afterwards', async () => {
        const socket = client(port, mode, { namespace: '/private', auth: { token: 'secret', delay: 100 } })
        const seen = collect(socket, 'connect', 'echo')
        for (let i = 0; i < 5; i++) socket.emit('echo', i)
        await until(() => seen.length === 6, 'all echoes')
        assert.deepEqual(seen, [['connect'], ...[0, 1, 2, 3, 4].map((i) => ['echo', i])])
      })

      test('a client that goes while its admission is pending is never admitted', async () => {
        const watch = await observer(port)
        const auth = { token: 'secret', delay: 150 }
        const socket = client(port, mode, { namespace: '/private', auth })
        // Its CONNECT follows the other one, so that the admission has begun.
        const root = socket.io.socket('/', { auth: { key: 'root' } })
        await connection(root)
        assert.equal(socket.connected, false)
        socket.io.engine.close()
        await watch.reason({ key: 'root' })
        // An admission that begins now ends after the other one would have.
        await connected(port, mode, { namespace: '/private', auth })
        await ask(watch.socket, 'echo', 'x')
        assert.deepEqual(watch.gone.filter(([, key]) => key === socket.key), [])
      })
    })

    describe('handshake and data', () => {
      test('headers, query, auth, address reach the server', async () => {
        const socket = await connected(port, mode, {
          extraHeaders: { 'X-Test': 'a, b', cookie: 'who=ann; x="1"' }, query: { plain: '1', odd: 'ä & = 😀' }, auth: { deep: { list: [1, null] } },
        })
        const { headers, query, auth, address, secure, url } = await ask(socket, 'handshake')
        assert.equal(headers['x-test'], 'a, b')
        assert.equal(headers.cookie, 'who=ann; x="1"')
        assert.equal(headers.host, `127.0.0.1:${port}`)
        assert.equal(query.plain, '1')
        assert.equal(query.odd, 'ä & = 😀')
        assert.equal(query.EIO, '4')
        assert.equal(query.transport, mode === 'websocket' ? 'websocket' : 'polling')
        assert.deepEqual(auth, { key: socket.key, deep: { list: [1, null] } })
        assert.match(address, /^(::ffff:)?127\.0\.0\.1$/)
        assert.equal(secure, false)
        assert.match(url, /^\/socket\.io\/\?.*EIO=4/)
      })

      test('auth may come from a function', async () => {
        const socket = await connected(port, mode, { auth: (done) => setImmediate(done, { from: 'function' }) })
        assert.deepEqual((await ask(socket, 'handshake')).auth, { from: 'function' })
      })

      test('no auth is an empty object', async () => {
        const socket = await connected(port, mode, { auth: (done) => done(undefined) })
        assert.deepEqual((await ask(socket, 'handshake')).auth, {})
      })

      test('data of a socket is its own, and gone with it', async () => {
        const [one, two] = [await connected(port, mode), await connected(port, mode)]
        await ask(one, 'set', 'name', { first: 'Ann' })
        assert.deepEqual(await ask(one, 'get', 'name'), { first: 'Ann' })
        assert.equal(await ask(two, 'get', 'name'), null)
        one.disconnect().connect()
        await connection(one)
        await settled(one, mode)
        assert.equal(await ask(one, 'get', 'name'), null)
      })
    })
  })
}

describe('during an upgrade', () => {
  // The server lets the poll go for the upgrade with a noop. An answer that comes after it waits until the upgrade is complete.
  test('an acknowledgement is not overtaken by the end of the poll', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = client(port, 'upgraded', { retries: 3 })
      const packets = []
      let opened
      socket.io.engine.once('open', () => { opened = performance.now() })
      socket.io.engine.on('packet', ({ type, data }) => packets.push([type, data, performance.now() - opened]))
      await within(new Promise((resolve) => socket.on('connect', () => socket.emit('echo', null, resolve))), 'the acknowledgement')
      // The client has sent its CONNECT after `opened`, so that the poll is held for 100 ms from then on at least.
      const early = packets.find(([type, , time]) => type === 'noop' && time < 100)
      assert.equal(early, undefined, JSON.stringify(packets))
      assert.deepEqual(packets.filter(([type]) => type === 'message').map(([, data]) => data.slice(0, 3)), ['0{"', '2["', '30['])
      await settled(socket, 'upgraded')
      socket.disconnect()
    }
  })
})
