// The server of the chat example with the official library, for control runs of the browser suite. It serves the page of the
// Rust example; what it takes and sends is what that page speaks.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { Server } from 'socket.io'
import { listen } from './options.mjs'

const page = (name) => readFileSync(new URL(`../../examples/chat/page/${name}`, import.meta.url))
const files = {
  '/': ['text/html', 'index.html'], '/chat.css': ['text/css', 'chat.css'], '/chat.js': ['text/javascript', 'chat.js'],
}
const server = createServer((req, res) => {
  const file = files[req.url.split('?')[0]]
  if (!file) return res.writeHead(404).end()
  res.writeHead(200, { 'content-type': `${file[0]}; charset=utf-8` }).end(page(file[1]))
})
const io = new Server(server)

const started = Date.now().toString(16)
let count = 0
const rooms = new Map([['lobby', { people: [], history: [] }]])

const tellRooms = (to) => to.emit('rooms', [...rooms].map(([name, { people }]) => ({ name, people: people.length })))

io.on('connection', (socket) => {
  let me, name
  tellRooms(socket)

  const leave = () => {
    if (!me) return
    const { people } = rooms.get(name)
    people.splice(people.indexOf(me), 1)
    if (!people.length && name !== 'lobby') rooms.delete(name)
    socket.leave(`room ${name}`)
    io.to(`room ${name}`).emit('people', { room: name, people, left: me })
  }

  const post = (event, fields, ack, ...bytes) => {
    if (!me) return ack({ ok: false, error: 'Join a room first.' })
    const message = { id: `${started}-${count++}`, room: name, from: me.id, name: me.name, ...fields, at: Date.now() }
    const { history } = rooms.get(name)
    history.push(message)
    if (history.length > 50) history.shift()
    socket.to(`room ${name}`).emit(event, message, ...bytes)
    ack({ ok: true, id: message.id, at: message.at })
  }

  socket.on('join', (wish, ack) => {
    const [who, where] = [String(wish.name).trim(), String(wish.room).trim()]
    if (!who || [...who].length > 24) return ack({ ok: false, error: 'A name has 1 to 24 characters.' })
    if (!where || [...where].length > 32) return ack({ ok: false, error: 'A room name has 1 to 32 characters.' })
    if (name === where) {
      const was = me.name
      me.name = who
      if (was !== who) socket.to(`room ${name}`).emit('people', { room: name, people: rooms.get(name).people, renamed: { ...me, was } })
    } else {
      leave()
      me = { id: socket.id, name: who }
      name = where
      if (!rooms.has(name)) rooms.set(name, { people: [], history: [] })
      rooms.get(name).people.push(me)
      socket.join(`room ${name}`)
      socket.to(`room ${name}`).emit('people', { room: name, people: rooms.get(name).people, joined: me })
      tellRooms(io)
    }
    ack({ ok: true, id: socket.id, name: who, room: name, ...rooms.get(name) })
  })
  socket.on('message', ({ text }, ack) => {
    const trimmed = String(text).trim()
    if (!trimmed || [...trimmed].length > 2000) return ack({ ok: false, error: 'A message has 1 to 2000 characters.' })
    post('message', { text: trimmed }, ack)
  })
  socket.on('image', ({ name: file, type }, bytes, ack) => post('image', { type, file, size: bytes.length }, ack, bytes))
  socket.on('typing', (typing) => {
    if (me) socket.to(`room ${name}`).volatile.emit('typing', { room: name, id: me.id, name: me.name, typing })
  })
  socket.on('disconnect', () => {
    leave()
    me = undefined
    tellRooms(io)
  })
})

listen(server, process.env.PORT ?? 3000, () => io.close())
