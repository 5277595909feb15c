// Sizes: messages at the limit of the server and beyond it, requests cut at maxPayload, much and many.
import { after, afterEach, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Driver, MODES, World, echo } from './helpers.mjs'
import { until } from '../lib/util.mjs'

let driver
before(async () => {
  driver = await Driver.start()
})
after(() => driver?.stop())
afterEach(() => driver.release())

const LIMIT = 1000
/// An event `n` with one string, whose packet has `size` bytes: `42["n","..."]`.
const sized = (size) => 'x'.repeat(size - '42["n",""]'.length)

async function worldOf(options) {
  const seen = []
  const world = await World.start(options, (socket) => {
    echo(socket)
    socket.on('n', (value) => seen.push(value))
  })
  return { world, seen }
}

for (const [mode, options] of Object.entries(MODES)) {
  describe(`over ${mode}`, () => {
    let world, seen, client
    const open = async (server) => {
      ;({ world, seen } = await worldOf(server))
      client = await driver.connected(world.url(), options)
      await client.settled(mode)
    }
    afterEach(async () => {
      await driver.release()
      await world?.stop()
    })

    test('a message of exactly the limit arrives', async () => {
      await open({ maxHttpBufferSize: LIMIT })
      // Over WebSocket the type of the packet counts as well, as the text is one frame.
      await client.emit('n', sized(LIMIT))
      await until(() => seen.length === 1, 'the event')
      assert.equal(seen[0].length, sized(LIMIT).length)
      assert.deepEqual(await client.ask('echo', 1), [1])
      assert.equal(client.all('disconnect').length, 0)
    })

    test('one byte more: the server refuses, the client says so and comes back', async () => {
      await open({ maxHttpBufferSize: LIMIT })
      await client.emit('n', sized(LIMIT + 1))
      assert.equal((await client.next('disconnect')).reason, mode === 'polling' ? 'transport error' : 'transport close')
      await client.next('connect')
      assert.deepEqual(await client.ask('echo', 1), [1])
      assert.deepEqual(seen, [])
      const events = client.log.map(({ ev }) => ev)
      assert.equal(events.filter((ev) => ev === 'disconnect').length, 1)
    })

    test('binary near the limit', async () => {
      await open({ maxHttpBufferSize: LIMIT })
      const size = mode === 'polling' ? Math.floor((LIMIT - 200) * 0.74) : LIMIT
      const bytes = Buffer.alloc(size, 7)
      assert.deepEqual(await client.ask('echo', bytes), [bytes])
      assert.equal(client.all('disconnect').length, 0)
    })

    test('megabytes, both ways', async () => {
      await open({ maxHttpBufferSize: 20e6 })
      const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 7))
      const text = 'ü€🦀'.repeat(300_000)
      assert.deepEqual(await client.ask('echo', { bytes, text }), [{ bytes, text }])
      assert.deepEqual(await client.ask('echo', text, [bytes, bytes]), [text, [bytes, bytes]])
    })

    test('thousands of small events, both ways', async () => {
      await open({})
      const count = 3000
      await Promise.all(Array.from({ length: count }, (_, i) => client.emit('n', i)))
      await until(() => seen.length === count, 'the events of the client')
      assert(seen.every((value, i) => value === i))
      const socket = world.socket((await client.state()).id)
      for (let i = 0; i < count; i++) socket.emit('n', i)
      await client.when(() => client.all('event', 'n').length === count, 'the events of the server')
      assert(client.all('event', 'n').every(({ args: [value] }, i) => value === i))
    })
  })
}

describe('polling: requests are cut at maxPayload', () => {
  /// Emits while the client is away, so that all of it waits when it connects.
  const posts = async (maxHttpBufferSize, values) => {
    const { world, seen } = await worldOf({ maxHttpBufferSize })
    try {
      const client = await driver.open(world.url(), { transports: ['polling'], autoConnect: false })
      for (const value of values) await client.emit('n', ...value)
      await client.connect()
      await until(() => seen.length === values.length, 'all events')
      assert.equal(client.all('disconnect').length, 0)
      await driver.release()
      return { seen, lengths: world.requests.filter(({ method }) => method === 'POST').map(({ length }) => length) }
    } finally {
      await world.stop()
    }
  }

  test('text: none is larger than the server takes', async () => {
    const values = Array.from({ length: 40 }, (_, i) => [`${i}`.padEnd(10 + (i % 20), '.')])
    const { seen, lengths } = await posts(100, values)
    assert.deepEqual(seen, values.flat())
    for (const length of lengths) assert(length <= 100, `${length} bytes`)
    assert(lengths.length < values.length, 'small ones travel together')
  })

  test('characters of several bytes are counted as bytes', async () => {
    const values = Array.from({ length: 20 }, () => ['€'.repeat(25)])
    const { lengths } = await posts(100, values)
    for (const length of lengths) assert(length <= 100, `${length} bytes`)
  })

  test('binary is counted as base64', async () => {
    const values = Array.from({ length: 20 }, (_, i) => [Buffer.alloc(40, i)])
    const { seen, lengths } = await posts(100, values)
    assert.deepEqual(seen, values.flat())
    for (const length of lengths) assert(length <= 100, `${length} bytes`)
  })

  test('one request at a time', async () => {
    const { world, seen } = await worldOf({})
    let running = 0
    let most = 0
    world.http.prependListener('request', (request, response) => {
      if (request.method !== 'POST') return
      most = Math.max(most, ++running)
      response.on('finish', () => running--)
    })
    try {
      const client = await driver.connected(world.url(), { transports: ['polling'] })
      await Promise.all(Array.from({ length: 100 }, (_, i) => client.emit('n', i)))
      await until(() => seen.length === 100, 'all events')
      assert.equal(most, 1)
      await driver.release()
    } finally {
      await world.stop()
    }
  })
})
