// How the programs behave as programs: options, the lines they print, the way they end.
import { describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { conformanceServer, freePort, interopServer, launch, reference, start } from '../lib/peer.mjs'
import { within } from '../lib/util.mjs'
import { Target } from '../lib/wire.mjs'

const suffix = process.env.EXAMPLE_SUFFIX ?? ''

/// Every server: how it is started on a port, and the port of its Socket.IO.
const SERVERS = {
  conformance_server: (port) => ['--sio-port', port],
  interop_server: (port) => ['--port', port],
  perf_server: (port) => [port],
  echo: (port) => ['--port', port],
  chat: (port) => ['--port', port],
}
/// Every program, and what its help names.
const HELP = {
  conformance_server: /--eio-port[^]*--sio-port[^]*--ping[^]*--connect-timeout[^]*--max-payload[^]*--cors/,
  interop_server: /--port[^]*--ping[^]*--connect-timeout[^]*--max-payload[^]*--cors/,
  perf_server: /PORT[^]*--threads/,
  perf_client: /URL[^]*WINDOW[^]*ack[^]*event[^]*SECONDS/,
  client_driver: /interop\/README\.md/,
  echo: /--port/,
  chat: /--port[^]*PORT/,
}

/// Runs a program that ends by itself: `{ status, output }`.
async function outcome(name, args = [], env = {}) {
  const program = launch(name, { args, env })
  try {
    const status = await within(program.ended, `${name} ${args.join(' ')} to end`)
    return { status, output: program.output }
  } finally {
    await program.stop('SIGKILL')
  }
}

describe('the programs', () => {
  for (const [name, open] of [['conformance_server', conformanceServer], ['interop_server', interopServer]]) {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      test(`${name} ends cleanly on ${signal}, though clients are connected`, async () => {
        const server = await open()
        const target = new Target(server.sio ?? server.port, '/socket.io/')
        const ws = await target.websocket()
        const session = await target.polling()
        const held = session.begin()
        held.response.catch(() => {})
        assert.equal(await server.stop(signal), 'code 0')
        await ws.closed()
      })
    }

    test(`${name} refuses an option that it does not know, with code 2 and a word about it`, async () => {
      await assert.rejects(start(name, { args: ['--no-such-option'] }), /ended at once: code 2[^]*no-such-option/)
    })
  }

  test('conformance_server with one listener only', async () => {
    for (const [option, path] of [['--eio-port', '/engine.io/'], ['--sio-port', '/socket.io/']]) {
      const port = await freePort()
      const server = await start('conformance_server', { args: [option, port] })
      assert.deepEqual(server.ports, [port])
      assert.equal((await new Target(port, path).get('EIO=4&transport=polling')).status, 200)
      await server.stop()
    }
  })

  test('a port in use is an error, not silence', async () => {
    const server = await interopServer()
    await assert.rejects(interopServer('--port', server.port), /ended at once: code [^02]/)
    await server.stop()
  })
})

describe('the command lines', { skip: reference && 'those of our programs' }, () => {
  for (const [name, options] of Object.entries(HELP)) {
    test(`${name} --help lists its options`, async () => {
      for (const flag of ['--help', '-h']) {
        const { status, output } = await outcome(name, [flag])
        assert.equal(status, 'code 0')
        assert.ok(output.startsWith(`usage: ${name}${suffix} `), output)
        assert.match(output, options)
      }
    })

    test(`${name} refuses an option that it does not know`, async () => {
      const { status, output } = await outcome(name, ['--no-such-option'])
      assert.equal(status, 'code 2')
      assert.equal(output, `${name}${suffix}: unknown option "--no-such-option"\n\`${name}${suffix} --help\` lists what there is\n`)
    })
  }

  for (const [name, args, reason, env] of [
    ['conformance_server', [], /nothing to serve.*--eio-port.*--sio-port/],
    ['conformance_server', ['--eio-port', 0, '--sio-port', 0], /nothing to serve/],
    ['conformance_server', ['--sio-port'], /--sio-port needs a value/],
    ['conformance_server', ['--sio-port', 65536], /--sio-port can't be "65536"/],
    ['conformance_server', ['--sio-port', 1, '--ping', 300], /--ping.*"300"/],
    ['conformance_server', ['--sio-port', 1, '--ping', '0/200'], /0/],
    ['conformance_server', ['--sio-port', 1, '--max-payload', 'much'], /--max-payload can't be "much"/],
    ['conformance_server', ['--recovery'], /--recovery is not supported yet/],
    ['conformance_server', ['--sio-port', 1, 'more'], /unknown argument "more"/],
    ['interop_server', ['--port', -1], /--port can't be "-1"/],
    ['perf_server', [], /PORT is missing/],
    ['perf_server', ['http'], /PORT can't be "http"/],
    ['perf_server', [1, 2], /unknown argument "2"/],
    ['perf_server', [1, '--threads', 0], /--threads can't be "0"/],
    ['perf_client', [], /URL is missing/],
    ['perf_client', ['no url'], /URL/],
    ['perf_client', ['http://127.0.0.1:1', 0], /WINDOW can't be "0"/],
    ['perf_client', ['http://127.0.0.1:1', 1, 'emit'], /ack or event, not "emit"/],
    ['perf_client', ['http://127.0.0.1:1', 1, 'ack', 'NaN'], /SECONDS/],
    ['perf_client', ['http://127.0.0.1:1', 1, 'ack', 1, 'more'], /unknown argument "more"/],
    ['client_driver', ['more'], /unknown argument "more"/],
    ['echo', ['3000'], /unknown argument "3000"/],
    ['echo', ['--port', 'x'], /--port can't be "x"/],
    ['chat', ['--port'], /--port needs a value/],
    ['chat', [], /PORT can't be "http"/, { PORT: 'http' }],
  ]) {
    test(`${env ? 'PORT=http ' : ''}${[name, ...args].join(' ')} is refused`, async () => {
      const { status, output } = await outcome(name, args, env)
      assert.equal(status, 'code 2', output)
      assert.ok(output.startsWith(`${name}${suffix}: `), output)
      assert.match(output, reason)
    })
  }

  for (const [name, args] of Object.entries(SERVERS)) {
    test(`${name} serves on the port that is given, and ends cleanly`, async () => {
      for (const signal of ['SIGTERM', 'SIGINT']) {
        const port = await freePort()
        const server = await start(name, { args: args(port) })
        assert.deepEqual(server.ports, [port])
        assert.equal((await new Target(port, '/socket.io/').get('EIO=4&transport=polling')).status, 200)
        assert.equal(await server.stop(signal), 'code 0')
      }
    })

    test(`${name} names an address that is in use, and what to do`, async () => {
      const server = await interopServer()
      const { status, output } = await outcome(name, args(server.port))
      await server.stop()
      assert.equal(status, 'code 1')
      assert.ok(output.includes(`${name}${suffix}: can't listen on 127.0.0.1:${server.port}: `), output)
      assert.match(output, /another program.*choose another port/)
    })
  }

  test('perf_client measures, and says in words that there is no server', async () => {
    const server = await start('perf_server', { args: [0] })
    const url = `http://127.0.0.1:${server.port}`
    for (const mode of ['ack', 'event']) {
      const { status, output } = await outcome('perf_client', [url, 4, mode, 0.1])
      assert.equal(status, 'code 0', output)
      assert.ok(JSON.parse(output).ops > 0, output)
    }
    await server.stop()
    const { status, output } = await outcome('perf_client', [url])
    assert.equal(status, 'code 1')
    assert.match(output, new RegExp(`^perf_client${suffix}: .*refused`))
  })
})
