// The official server with the behaviours of the Rust example of the same name, for control runs.
import { createServer } from 'node:http'
import { Server as Engine } from 'engine.io'
import { Server } from 'socket.io'
import { cors, listen, options, timings } from './options.mjs'

const given = options({
  '--eio-port': '0', '--sio-port': '0', '--ping': '300/200', '--connect-timeout': '1000', '--max-payload': '1000000', '--cors': false,
})
const common = { ...timings(given['--ping']), maxHttpBufferSize: Number(given['--max-payload']), ...cors(given['--cors']) }

if (Number(given['--eio-port'])) {
  const server = createServer()
  const engine = new Engine(common)
  engine.attach(server, { path: '/engine.io' })
  // The engine takes `/engine.io/` only; this one takes both forms.
  for (const event of ['request', 'upgrade']) {
    const [own] = server.listeners(event)
    server.removeAllListeners(event)
    server.on(event, (req, ...rest) => {
      req.url = req.url.replace(/^\/engine\.io(?=\?|$)/, '/engine.io/')
      own.call(server, req, ...rest)
    })
  }
  engine.on('connection', (socket) => socket.on('message', (data) => socket.send(data ?? '')))
  listen(server, given['--eio-port'], () => engine.close())
}

if (Number(given['--sio-port'])) {
  const server = createServer()
  const io = new Server(server, { ...common, connectTimeout: Number(given['--connect-timeout']), serveClient: false })
  for (const name of ['/', '/custom']) {
    io.of(name).on('connection', (socket) => {
      socket.emit('auth', socket.handshake.auth)
      socket.on('message', (...args) => {
        if (typeof args.at(-1) === 'function') args.pop()
        socket.emit('message-back', ...args)
      })
      socket.on('message-with-ack', (...args) => {
        if (typeof args.at(-1) === 'function') args.pop()(...args)
      })
    })
  }
  listen(server, given['--sio-port'], () => io.close())
}
