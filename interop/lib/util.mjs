// Small helpers of every suite. Nothing here waits without a bound.
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

export { sleep }

/// The bound of one step. Generous: it is reached only when something is broken.
export const PATIENCE = Number(process.env.PATIENCE ?? 30_000)

/// What was seen lately, by whatever part of the suite: frames, answers, notifications, output of programs. A wait that fails prints
/// what was seen since it began.
const journal = []
let noted = 0
const KEPT = 100

export function note(source, what) {
  noted++
  const text = typeof what === 'string' ? what : inspect(what, { depth: 4, breakLength: Infinity, maxArrayLength: 10, maxStringLength: 100 })
  journal.push({ at: performance.now(), source, text: text.slice(0, 300).trimEnd() })
  if (journal.length > 2 * KEPT) journal.splice(0, KEPT)
}

/// Begins to watch: the result tells, as text, what was noted since.
function watch() {
  const [began, before] = [performance.now(), noted]
  return () => {
    const count = noted - before
    const lines = (entries) => entries.map(({ at, source, text }) => `\n  ${(at - began).toFixed(0).padStart(6)} ms  ${source}: ${text}`).join('')
    if (!count) return `\nnothing was seen meanwhile${journal.length ? `; before that:${lines(journal.slice(-10))}` : ''}`
    const shown = journal.slice(-Math.min(count, KEPT))
    return `\nseen meanwhile${shown.length < count ? `, the last ${shown.length} of ${count}` : ''}:${lines(shown)}`
  }
}

/// Settles as `promise` does, or fails after `ms` with a message that names what was awaited, and what was seen meanwhile.
export function within(promise, what, ms = PATIENCE) {
  const seen = watch()
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms} ms: ${what}${seen()}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/// A wait that has a bound of its own: if it fails, it prints what was seen meanwhile as well.
export function telling(promise) {
  const seen = watch()
  return promise.catch((error) => {
    error.message += seen()
    throw error
  })
}

/// Asks `probe` again and again until it returns something truthy, which is the result.
export async function until(probe, what, ms = PATIENCE) {
  const seen = watch()
  const end = performance.now() + ms
  for (;;) {
    const value = await probe()
    if (value) return value
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}${seen()}`)
    await sleep(20)
  }
}

/// A queue whose consumer waits for the next element, or for the end.
export class Queue {
  #items = []
  #waiting = []
  #end

  push(item) {
    const waiter = this.#waiting.shift()
    waiter ? waiter.resolve(item) : this.#items.push(item)
  }

  end(error) {
    this.#end = error
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error)
  }

  get size() {
    return this.#items.length
  }

  next(what = 'the next element') {
    if (this.#items.length) return Promise.resolve(this.#items.shift())
    if (this.#end) return Promise.reject(this.#end)
    let waiter
    const promise = new Promise((resolve, reject) => this.#waiting.push((waiter = { resolve, reject })))
    return within(promise, what).catch((error) => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter)
      throw error
    })
  }
}
