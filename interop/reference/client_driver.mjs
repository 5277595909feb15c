// The official client under remote control: JSON lines on stdin and stdout, as our `client_driver` (README.md).
import { io } from 'socket.io-client'
import { createInterface } from 'node:readline'

const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

/// Binary is `{"$bin": base64}` on the lines, a Buffer in the program.
function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack)
  if (value === null || typeof value !== 'object') return value
  if (typeof value.$bin === 'string') return Buffer.from(value.$bin, 'base64')
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpack(inner)]))
}

function pack(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $bin: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(pack)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, pack(inner)]))
}

const handles = new Map()
const find = (c) => handles.get(c) ?? fail(`there is no handle ${c}`)
const fail = (text) => {
  throw new Error(text)
}

function watch(c, socket) {
  const handle = { socket, replies: new Map() }
  handles.set(c, handle)
  const manager = socket.io
  let connected = false
  socket.on('connect', () => {
    connected = true
    print({ ev: 'connect', c, id: socket.id, recovered: socket.recovered ?? false })
  })
  socket.on('connect_error', (error) => print({ ev: 'connect_error', c, message: String(error?.message ?? error), data: error?.data ?? null }))
  socket.on('disconnect', (reason) => {
    // It is also told when the transport goes before the namespace was connected.
    if (connected) print({ ev: 'disconnect', c, reason })
    connected = false
  })
  socket.onAny((name, ...args) => {
    const answer = typeof args.at(-1) === 'function' ? args.pop() : undefined
    print({ ev: 'event', c, name, args: pack(args), ack: answer !== undefined })
    const reply = handle.replies.get(name)
    if (answer && reply) answer(...reply)
  })
  manager.on('reconnect_attempt', (attempt) => print({ ev: 'reconnect_attempt', c, attempt }))
  manager.on('reconnect', (attempt) => print({ ev: 'reconnect', c, attempt }))
  let attempts = 0
  manager.on('reconnect_attempt', (attempt) => (attempts = attempt))
  manager.on('reconnect_failed', () => print({ ev: 'reconnect_failed', c, attempt: attempts }))
  const engine = () => manager.engine.on('upgrade', (transport) => print({ ev: 'upgrade', c, transport: transport.name }))
  if (manager._readyState === 'open') engine()
  manager.on('open', engine)
}

const commands = {
  open({ c, url, opts: { auth, cookies, parser, eio, ...opts } = {} }) {
    if (handles.has(c)) fail(`there is a handle ${c}`)
    if (typeof url !== 'string') fail('url is missing')
    if (parser || eio) fail('not supported: parser, eio')
    watch(c, io(url, { ...opts, auth: auth && unpack(auth), withCredentials: cookies ?? false, forceNew: true }))
  },
  socket({ c, of, ns, auth }) {
    if (handles.has(c)) fail(`there is a handle ${c}`)
    const manager = find(of).socket.io
    if (manager.nsps[ns]) fail(`there is a handle of ${ns} on this connection`)
    const socket = manager.socket(ns, { auth })
    watch(c, socket)
    if (!socket.active) socket.connect()
  },
  connect({ c, auth }) {
    const { socket } = find(c)
    if (auth !== undefined) socket.auth = auth
    socket.connect()
  },
  disconnect({ c }) {
    find(c).socket.disconnect()
  },
  'engine-close'({ c }) {
    find(c).socket.io.engine?.close()
  },
  emit({ c, ev, args = [], ack = false, tag, timeout, volatile = false }) {
    let { socket } = find(c)
    if (timeout !== undefined) socket = socket.timeout(timeout)
    if (volatile) socket = socket.volatile
    if (!ack) return void socket.emit(ev, ...unpack(args))
    const settle = (error, ...values) => {
      if (error) print({ ev: 'ack', c, tag, err: /timed out/.test(error.message) ? 'timeout' : 'disconnected' })
      else print({ ev: 'ack', c, tag, args: pack(values) })
    }
    settle.withError = true // so that it hears of a disconnect
    socket.emit(ev, ...unpack(args), settle)
  },
  reply({ c, ev, args = [], silent = false }) {
    const { replies } = find(c)
    silent ? replies.delete(ev) : replies.set(ev, unpack(args))
  },
  state({ c }) {
    const { socket } = find(c)
    const { engine } = socket.io
    return {
      connected: socket.connected, id: socket.id ?? null, recovered: socket.recovered ?? false, active: socket.active,
      transport: engine?.readyState === 'open' ? engine.transport.name : null,
    }
  },
  exit() {},
}

print({ ev: 'hello', protocol: 1, caps: ['polling', 'websocket', 'upgrade', 'recovery', 'retries', 'cookies'] })
createInterface({ input: process.stdin })
  .on('line', (line) => {
    let n = null
    try {
      const command = JSON.parse(line)
      n = command.n
      if (!Object.hasOwn(commands, command.cmd)) fail(`there is no command ${command.cmd}`)
      print({ n, ok: true, ...commands[command.cmd](command) })
      if (command.cmd === 'exit') process.exit(0)
    } catch (error) {
      print({ n, ok: false, err: String(error.message) })
    }
  })
  .on('close', () => process.exit(0))
