// The official server as the fixture of the client suite, for control runs. README.md describes the behaviours.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { cors, listen, options, timings } from './options.mjs'

const given = options({
  '--port': '0', '--ping': '25000/20000', '--connect-timeout': '45000', '--max-payload': '1000000', '--cors': false,
})
const server = createServer()
const io = new Server(server, {
  ...timings(given['--ping']), maxHttpBufferSize: Number(given['--max-payload']), connectTimeout: Number(given['--connect-timeout']),
  serveClient: false, ...cors(given['--cors']),
})

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

io.of('/private').use(async (socket, next) => {
  const { token, delay = 0 } = socket.handshake.auth
  await sleep(delay)
  if (token === 'secret') return next()
  next(Object.assign(new Error('Not authorized'), { data: { code: 401, ask: 'token' } }))
})

for (const name of ['/', '/chat', '/private']) {
  const namespace = io.of(name)
  namespace.on('connection', (socket) => {
    const rooms = () => [...socket.rooms].filter((room) => room !== socket.id).sort()

    socket.emit('hello', socket.id)

    socket.on('echo', (...args) => {
      if (typeof args.at(-1) === 'function') args.pop()(...args)
      else socket.emit('echo', ...args)
    })
    socket.on('ask', async (event, ms, value, ack) => {
      try {
        const [answer] = await new Promise((resolve, reject) => {
          socket.timeout(ms).emit(event, value, (error, ...args) => (error ? reject(error) : resolve(args)))
        })
        ack({ ok: answer })
      } catch {
        ack({ error: 'timeout' })
      }
    })
    socket.on('silent', () => {})
    socket.on('late', async (ms, value, ack) => {
      await sleep(ms)
      ack(value)
    })

    socket.on('join', (list, ack) => {
      socket.join(list)
      ack(rooms())
    })
    socket.on('leave', (room, ack) => {
      socket.leave(room)
      ack(rooms())
    })
    socket.on('rooms', (ack) => ack(rooms()))
    socket.on('cast', ({ server, to = [], except = [], volatile }, event, value, ack) => {
      let target = server ? namespace : socket.broadcast
      for (const room of to) target = target.to(room)
      for (const room of except) target = target.except(room)
      if (volatile) target = target.volatile
      target.emit(event, value)
      ack(true)
    })
    socket.on('burst', (list) => {
      for (const [kind, value] of list) (kind === 'volatile' ? socket.volatile : socket).emit('burst', value)
    })
    socket.on('ticks', (count, ms) => {
      let i = 0
      const timer = setInterval(() => {
        if (i < count && socket.connected) io.of(name).to(socket.id).emit('tick', i++)
        else clearInterval(timer)
      }, ms)
    })

    socket.on('set', (key, value, ack) => {
      socket.data[key] = value
      ack(true)
    })
    socket.on('get', (key, ack) => ack(socket.data[key] ?? null))
    socket.on('whoami', (ack) => ack({ id: socket.id, namespace: name, connected: socket.connected }))
    socket.on('handshake', (ack) => {
      const { headers, query, auth, address, secure, url } = socket.handshake
      ack({ headers, query, auth, address, secure, url })
    })

    socket.on('observe', (ack) => {
      socket.join('observers')
      ack(true)
    })
    socket.on('disconnect', (reason) => {
      io.of('/').to('observers').emit('gone', socket.handshake.auth.key ?? null, name, reason)
    })
    socket.on('leave-me', (close) => socket.disconnect(close))
  })
}

listen(server, given['--port'], () => io.close())
