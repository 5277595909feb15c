// Drives a client program (`client_driver`) by JSON lines. PEER=reference takes the official client, see peer.mjs.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { launch } from './peer.mjs'
import { Queue, note, within } from './util.mjs'

/// Binary is `{"$bin": base64}` on the lines, a Buffer here.
export function pack(value) {
  if (Buffer.isBuffer(value)) return { $bin: value.toString('base64') }
  if (Array.isArray(value)) return value.map(pack)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, pack(inner)]))
}

export function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack)
  if (value === null || typeof value !== 'object') return value
  if (typeof value.$bin === 'string') return Buffer.from(value.$bin, 'base64')
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpack(inner)]))
}

/// One running client program.
export class Driver {
  #answers = new Map()
  #handles = new Map()
  #count = 0
  #waiting = []

  static async start() {
    const driver = new Driver()
    driver.peer = launch('client_driver')
    const { child } = driver.peer
    createInterface({ input: child.stdout }).on('line', (line) => driver.#line(line))
    driver.peer.ended.then((status) => {
      const gone = new Error(`client_driver ended: ${status}\n--- its output ---\n${driver.peer.output}`)
      for (const { reject } of driver.#answers.values()) reject(gone)
      for (const handle of driver.#handles.values()) handle.gone(gone)
      driver.ended = gone
    })
    driver.hello = await within(new Promise((resolve) => (driver.greet = resolve)), 'the hello of client_driver')
    return driver
  }

  #line(line) {
    note('client', line)
    const message = JSON.parse(line)
    if (message.ev === 'hello') return this.greet(message)
    if (message.ev !== undefined) {
      const handle = this.#handles.get(message.c)
      assert(handle, `a notification for an unknown handle: ${line}`)
      handle.take(message)
      const [told, waiting] = [(wait) => wait.ev === message.ev, this.#waiting]
      this.#waiting = waiting.filter((wait) => !told(wait))
      return waiting.filter(told).forEach(({ resolve }) => resolve())
    }
    const waiting = this.#answers.get(message.n)
    assert(waiting, `an answer that nobody asked for, or a second one: ${line}`)
    this.#answers.delete(message.n)
    message.ok ? waiting.resolve(message) : waiting.reject(new Error(`refused: ${message.err}`))
  }

  /// Resolves with the next notification of this kind, whichever socket it is of. Not bounded: it is for peers, which go on when the
  /// program has told of something.
  told(ev) {
    return new Promise((resolve) => this.#waiting.push({ ev, resolve }))
  }

  /// Sends a command; its answer.
  command(cmd, fields = {}) {
    const n = ++this.#count
    if (this.ended) return Promise.reject(this.ended)
    const answer = new Promise((resolve, reject) => this.#answers.set(n, { resolve, reject }))
    this.peer.child.stdin.write(`${JSON.stringify({ n, cmd, ...fields })}\n`)
    return within(answer, `the answer to the command ${cmd}`)
  }

  #handle(c = `c${this.#handles.size + 1}`) {
    const handle = new Handle(this, c)
    this.#handles.set(c, handle)
    return handle
  }

  /// A new connection; not waited for.
  async open(url, opts = {}) {
    const handle = this.#handle()
    await this.command('open', { c: handle.c, url, opts: { reconnectionDelay: 50, reconnectionDelayMax: 100, ...opts } })
    return handle
  }

  /// A new connection, connected.
  async connected(url, opts) {
    const handle = await this.open(url, opts)
    await handle.next('connect')
    return handle
  }

  /// A further namespace on the connection of `of`.
  async socket(of, ns, auth) {
    const handle = this.#handle()
    await this.command('socket', { c: handle.c, of: of.c, ns, auth })
    return handle
  }

  /// Leaves every namespace, so that nothing of one test reaches the next.
  async release() {
    if (this.ended) return
    for (const handle of this.#handles.values()) if (!handle.left) await handle.disconnect()
  }

  stop() {
    return this.peer.stop('SIGKILL')
  }
}

/// One socket of the program.
class Handle {
  log = []
  left = false
  #queues = new Map()
  #tags = 0
  #gone
  #listeners = new Set()

  constructor(driver, c) {
    this.driver = driver
    this.c = c
  }

  take(message) {
    this.log.push(message)
    this.#queue(this.#key(message)).push(message)
    for (const listener of this.#listeners) listener()
  }

  gone(error) {
    this.#gone = error
    for (const queue of this.#queues.values()) queue.end(error)
    for (const listener of this.#listeners) listener()
  }

  #key({ ev, name, tag }) {
    return ev === 'event' ? `event ${name}` : ev === 'ack' ? `ack ${tag}` : ev
  }

  #queue(key) {
    if (!this.#queues.has(key)) {
      const queue = new Queue()
      if (this.#gone) queue.end(this.#gone)
      this.#queues.set(key, queue)
    }
    return this.#queues.get(key)
  }

  /// The next notification of this kind that was not asked for yet.
  next(ev) {
    return this.#queue(ev).next(`the notification ${ev} of ${this.c}`)
  }

  /// The arguments of the next event `name`.
  async event(name) {
    return unpack((await this.next(`event ${name}`)).args)
  }

  /// Everything of a kind, so far.
  all(ev, name) {
    return this.log.filter((message) => message.ev === ev && (name === undefined || message.name === name))
  }

  /// Waits until `probe()` is truthy; asked again at each notification.
  async when(probe, what) {
    let listener
    const met = new Promise((resolve, reject) => {
      listener = () => {
        if (this.#gone) reject(this.#gone)
        const value = probe()
        if (value) resolve(value)
      }
      this.#listeners.add(listener)
      listener()
    })
    return within(met, what).finally(() => this.#listeners.delete(listener))
  }

  emit(ev, ...args) {
    return this.driver.command('emit', { c: this.c, ev, args: pack(args) })
  }

  volatile(ev, ...args) {
    return this.driver.command('emit', { c: this.c, ev, args: pack(args), volatile: true })
  }

  /// Emits with an acknowledgement asked for; the tag under which the result comes.
  async call(ev, args = [], options = {}) {
    const tag = `t${++this.#tags}`
    await this.driver.command('emit', { c: this.c, ev, args: pack(args), ack: true, tag, ...options })
    return tag
  }

  /// The result of a call: `{ args }` or `{ err }`.
  async result(tag) {
    const { args, err } = await this.next(`ack ${tag}`)
    return err === undefined ? { args: unpack(args) } : { err }
  }

  /// What the server acknowledges with.
  async ask(ev, ...args) {
    const { args: answer, err } = await this.result(await this.call(ev, args))
    assert.equal(err, undefined, `${ev} was not acknowledged: ${err}`)
    return answer
  }

  reply(ev, ...args) {
    return this.driver.command('reply', { c: this.c, ev, args: pack(args) })
  }

  silence(ev) {
    return this.driver.command('reply', { c: this.c, ev, silent: true })
  }

  async state() {
    const { connected, id, recovered, transport, active } = await this.driver.command('state', { c: this.c })
    return { connected, id, recovered, transport, active }
  }

  connect(auth) {
    this.left = false
    return this.driver.command('connect', { c: this.c, ...(auth === undefined ? {} : { auth }) })
  }

  disconnect() {
    this.left = true
    return this.driver.command('disconnect', { c: this.c })
  }

  closeEngine() {
    return this.driver.command('engine-close', { c: this.c })
  }

  /// Past the upgrade, if there is one to come.
  async settled(mode) {
    if (mode === 'upgraded') await this.next('upgrade')
  }
}
