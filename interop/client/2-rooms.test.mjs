// Rooms, broadcasts, volatile events: several official clients around interop_server.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { interopServer } from '../lib/peer.mjs'
import { until } from '../lib/util.mjs'
import { ask, closeAll, collect, connected, connection, event, MODES, settled } from './helpers.mjs'

let server, port
before(async () => {
  server = await interopServer()
  port = server.port
})
after(() => server?.stop())
afterEach(closeAll)

/// Four clients named a, b, c, d; `heard()` tells who heard what, once a last event has come through to everybody.
async function four(mode, namespace = '/') {
  const people = {}
  const heard = {}
  for (const name of ['a', 'b', 'c', 'd']) {
    const socket = await connected(port, mode, { namespace, auth: namespace === '/private' ? { token: 'secret' } : {} })
    heard[name] = []
    socket.on('news', (value) => heard[name].push(value))
    people[name] = socket
  }
  const all = Object.values(people)
  const flush = async () => {
    const marks = all.map((socket) => event(socket, 'mark'))
    await ask(people.a, 'cast', { server: true, to: all.map(({ id }) => id) }, 'mark', 0)
    await Promise.all(marks)
    const result = Object.fromEntries(Object.entries(heard).filter(([, list]) => list.length).map(([name, list]) => [name, list.splice(0)]))
    return result
  }
  const cast = async (from, spec, value) => {
    await ask(people[from], 'cast', spec, 'news', value)
    return flush()
  }
  return { ...people, all, heard, flush, cast }
}

for (const mode of Object.keys(MODES)) {
  describe(`over ${mode}`, () => {
    test('join and leave, one and several, again and again', async () => {
      const socket = await connected(port, mode)
      assert.deepEqual(await ask(socket, 'rooms'), [])
      assert.deepEqual(await ask(socket, 'join', ['red']), ['red'])
      assert.deepEqual(await ask(socket, 'join', ['red']), ['red'])
      assert.deepEqual(await ask(socket, 'join', ['blue', 'red', 'ünï 😀', '']), ['', 'blue', 'red', 'ünï 😀'])
      assert.deepEqual(await ask(socket, 'leave', 'red'), ['', 'blue', 'ünï 😀'])
      assert.deepEqual(await ask(socket, 'leave', 'never joined'), ['', 'blue', 'ünï 😀'])
      socket.disconnect().connect()
      await connection(socket)
      await settled(socket, mode)
      assert.deepEqual(await ask(socket, 'rooms'), [], 'a new socket is in no room')
    })

    test('who hears a broadcast', async () => {
      const { a, b, c, d, cast } = await four(mode)
      await ask(a, 'join', ['red'])
      await ask(b, 'join', ['red', 'blue'])
      await ask(c, 'join', ['blue'])

      const others = await cast('a', {}, 'all others')
      assert.deepEqual(others, { b: ['all others'], c: ['all others'], d: ['all others'] })
      assert.deepEqual(await cast('a', { server: true }, 'all'), { a: ['all'], b: ['all'], c: ['all'], d: ['all'] })
      assert.deepEqual(await cast('a', { to: ['red'] }, 1), { b: [1] }, 'the sender is left out')
      assert.deepEqual(await cast('d', { to: ['red'] }, 2), { a: [2], b: [2] }, 'one need not be in the room')
      assert.deepEqual(await cast('a', { server: true, to: ['red'] }, 3), { a: [3], b: [3] })
      assert.deepEqual(await cast('d', { to: ['red', 'blue'] }, 4), { a: [4], b: [4], c: [4] }, 'in two rooms, served once')
      assert.deepEqual(await cast('d', { to: ['red', 'red'] }, 5), { a: [5], b: [5] })
      assert.deepEqual(await cast('a', { server: true, except: ['red'] }, 6), { c: [6], d: [6] })
      assert.deepEqual(await cast('a', { server: true, to: ['red', 'blue'], except: ['blue'] }, 7), { a: [7] })
      assert.deepEqual(await cast('a', { server: true, to: ['red'], except: [b.id] }, 8), { a: [8] }, 'an id is a room of one')
      assert.deepEqual(await cast('a', { to: [d.id] }, 9), { d: [9] })
      assert.deepEqual(await cast('a', { server: true, to: ['nobody is here'] }, 10), {})
      assert.deepEqual(await cast('a', { except: ['red', 'blue'] }, 11), { d: [11] })
      assert.deepEqual(await cast('a', { server: true, except: ['nobody is here'] }, 12), { a: [12], b: [12], c: [12], d: [12] })
    })

    test('leaving and disconnecting end it', async () => {
      const { a, b, c, d, cast } = await four(mode)
      for (const socket of [a, b, c, d]) await ask(socket, 'join', ['red'])
      await ask(b, 'leave', 'red')
      c.disconnect()
      c.connect()
      await connection(c)
      // c has a new id, so the mark of `four` reaches it by its present one.
      await settled(c, mode)
      assert.deepEqual(await cast('a', { to: ['red'] }, 'x'), { d: ['x'] })
    })

    test('namespaces have rooms of their own', async () => {
      const root = await connected(port, mode)
      const { a, b, cast } = await four(mode, '/chat')
      const stray = collect(root, 'news')
      await ask(root, 'join', ['red'])
      await ask(b, 'join', ['red'])
      assert.deepEqual(await cast('a', { server: true, to: ['red'] }, 1), { b: [1] })
      assert.deepEqual(Object.keys(await cast('a', { server: true }, 2)), ['a', 'b', 'c', 'd'])
      assert.equal(await ask(root, 'echo', 'x'), 'x')
      assert.deepEqual(stray, [])
      assert.ok(a.connected)
    })

    test('binary to a room, the same for each', async () => {
      const { a, b, c, cast } = await four(mode)
      for (const socket of [a, b, c]) await ask(socket, 'join', ['red'])
      const value = { picture: Buffer.from(Array.from({ length: 5000 }, (_, i) => i)), list: [Buffer.alloc(0), 'text'] }
      assert.deepEqual(await cast('d', { to: ['red'] }, value), { a: [value], b: [value], c: [value] })
    })

    test('many broadcasts from several at once: each in order, none lost', async () => {
      const { all, heard, flush } = await four(mode)
      await Promise.all(all.flatMap((socket, who) => Array.from({ length: 50 }, (_, i) => ask(socket, 'cast', { server: true }, 'news', [who, i]))))
      const seen = await flush()
      assert.equal(Object.keys(seen).length, Object.keys(heard).length)
      for (const list of Object.values(seen)) {
        assert.equal(list.length, 200)
        for (let who = 0; who < 4; who++) assert.deepEqual(list.filter(([sender]) => sender === who).map(([, i]) => i), Array.from({ length: 50 }, (_, i) => i))
      }
    })

    test('twenty clients in one room', async () => {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => connected(port, mode)))
      await Promise.all(sockets.map((socket) => ask(socket, 'join', ['crowd'])))
      const seen = sockets.map((socket) => collect(socket, 'crowd'))
      await Promise.all(sockets.map((socket, i) => ask(socket, 'cast', { to: ['crowd'] }, 'crowd', i)))
      await until(() => seen.every((list) => list.length >= 19), 'all to hear all others')
      for (const [i, list] of seen.entries()) {
        assert.deepEqual(list.map(([, who]) => who).sort((x, y) => x - y), sockets.map((_, who) => who).filter((who) => who !== i))
      }
    })

    test('volatile behind another event of the same moment is dropped, what follows is not', async () => {
      const socket = await connected(port, mode)
      const seen = collect(socket, 'burst')
      socket.emit('burst', [['regular', 1], ['volatile', 2], ['regular', 3], ['volatile', { bytes: Buffer.from('x') }], ['regular', 4]])
      assert.equal(await ask(socket, 'echo', 'x'), 'x')
      assert.deepEqual(seen, [['burst', 1], ['burst', 3], ['burst', 4]])
    })

    test('volatile to a client that is ready arrives; of two in one moment, the first', async () => {
      const socket = await connected(port, mode)
      const seen = collect(socket, 'burst')
      // On polling the client is ready while it has a GET waiting, so it may take a few attempts.
      await until(async () => {
        socket.emit('burst', [['volatile', 'first'], ['volatile', 'second']])
        await ask(socket, 'echo', 'x')
        return seen.length
      }, 'a volatile event')
      assert.deepEqual(seen, [['burst', 'first']])
    })

    test('volatile broadcast', async () => {
      const [one, two] = [await connected(port, mode), await connected(port, mode)]
      const seen = collect(two, 'news')
      await until(async () => {
        await ask(one, 'cast', { volatile: true, to: [two.id] }, 'news', { bytes: Buffer.from('x') })
        await ask(two, 'echo', 'x')
        return seen.length
      }, 'a volatile event')
      assert.deepEqual(seen, [['news', { bytes: Buffer.from('x') }]])
    })
  })
}
