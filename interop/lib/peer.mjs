// Starts and stops the programs under test. PEER=reference takes the official JavaScript server or client of reference/, anything
// else the Rust example of the same name, from $EXAMPLES or from target/{release,debug}/examples, whichever was built last.
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { once } from 'node:events'
import { note, until, within } from './util.mjs'

export const reference = process.env.PEER === 'reference'
const root = fileURLToPath(new URL('../../', import.meta.url))
const suffix = process.env.EXAMPLE_SUFFIX ?? '' // `_smol`: the programs of another runtime

const running = new Set()
const reap = () => running.forEach((child) => child.kill('SIGKILL'))
process.on('exit', reap)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    reap()
    process.exit(1)
  })
}

function command(name) {
  if (reference) return [process.execPath, fileURLToPath(new URL(`../reference/${name}.mjs`, import.meta.url))]
  const given = process.env.EXAMPLES ?? process.env.BIN_DIR
  const folders = given ? [given] : ['debug', 'release'].map((profile) => join(root, 'target', profile, 'examples'))
  const found = folders.map((folder) => join(folder, name + suffix)).filter((path) => existsSync(path))
  if (!found.length) {
    throw new Error(`${name}${suffix} is not in ${folders.join(' nor ')}: build it with \`cargo build --examples\`, or set EXAMPLES`)
  }
  return [found.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]]
}

/// A port nobody listens on, below the range that the system gives to outgoing connections, so that nobody gets it meanwhile.
export async function freePort() {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(10_000, 32_000)
    const server = createServer()
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('no free port found')
}

/// Starts a program, and doesn't wait for it. `file` is another executable to start in its place, in the folder `cwd`.
export function launch(name, { args = [], env = {}, file, cwd = root } = {}) {
  const [executable, ...first] = file ? [file] : command(name)
  const child = spawn(executable, [...first, ...args.map(String)], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  return new Peer(name, child)
}

/// Starts a program and waits until `listeners` lines `listening on 127.0.0.1:PORT` came, or until `port` takes connections.
export async function start(name, { listeners = 1, port, patience, ...options } = {}) {
  const peer = launch(name, options)
  const ready = port
    ? until(() => peer.status || accepts(port), `${name} to accept connections on ${port}`, patience)
    : until(() => peer.status || peer.ports.length >= listeners, `${name} to print its ${listeners} line(s) \`listening on ..\``, patience)
  try {
    await ready
    if (peer.status) throw new Error(`${name} ended at once: ${peer.status}`)
  } catch (error) {
    await peer.stop('SIGKILL')
    error.message += `\n--- output of ${name} ---\n${peer.output}`
    throw error
  }
  if (port) peer.ports = [port]
  return peer
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

class Peer {
  ports = []
  output = ''
  status

  constructor(name, child) {
    this.name = name
    this.child = child
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(String(error)))
      // Not at `exit`: output may follow it.
      child.once('close', (code, signal) => resolve(signal ?? `code ${code}`))
    }).then((status) => {
      running.delete(child)
      note(name, `ended: ${status}`)
      return (this.status = status)
    })
    child.stdin.on('error', () => {})
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#keep(text)
      // The client's lines are noted by its driver.
      if (name !== 'client_driver') note(name, text)
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        const match = /listening on (?:http:\/\/)?127\.0\.0\.1:(\d+)/.exec(line)
        if (match) this.ports.push(Number(match[1]))
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#keep(text)
      note(name, text)
    })
  }

  get port() {
    return this.ports[0]
  }

  /// Ends the program, by its id, and waits until it is gone. Hard if it doesn't go.
  async stop(signal = 'SIGTERM') {
    if (this.status) return this.status
    this.child.kill(signal)
    try {
      return await within(this.ended, `${this.name} to end on ${signal}`)
    } catch (error) {
      this.child.kill('SIGKILL')
      await this.ended
      throw error
    }
  }

  /// Holds the program still (it neither reads nor writes), and lets it go on.
  freeze() {
    this.child.kill('SIGSTOP')
  }

  thaw() {
    this.child.kill('SIGCONT')
  }

  #keep(text) {
    this.output = (this.output + text).slice(-20_000)
    if (process.env.VERBOSE) process.stderr.write(`[${this.name}] ${text}`)
  }
}

/// `conformance_server` with a bare Engine.IO and a Socket.IO listener: `{ eio, sio, stop }`.
export async function conformanceServer(...args) {
  const [eio, sio] = [await freePort(), await freePort()]
  const peer = await start('conformance_server', { args: ['--eio-port', eio, '--sio-port', sio, ...args], listeners: 2 })
  return { peer, eio, sio, stop: (signal) => peer.stop(signal) }
}

/// The fixture of the client suite, see README.md.
export function interopServer(...args) {
  return start('interop_server', { args })
}

/// Options of a test for a behaviour in which we differ from the official server on purpose (docs/divergences.md): a control
/// run leaves it out, and says why.
export const differs = (reason) => (reference ? { skip: `a chosen difference: the official server ${reason}` } : {})
