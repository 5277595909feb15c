// Steps on the page of the chat example.
import { telling } from '../lib/util.mjs'

export const at = (page, id, more = '') => page.locator(`[data-testid=${id}]${more}`)
export const shown = (page, id, text, more = '') => telling(at(page, id, more).filter({ hasText: text }).first().waitFor())
export const state = (page, value) => telling(at(page, 'connection', `[data-state=${value}]`).waitFor())

/// Opens the page as somebody, and waits until the room is entered.
export async function enter(page, port, name, { query = '', room = '', transport = 'websocket' } = {}) {
  await page.goto(`http://127.0.0.1:${port}/${query}${room && `#${room}`}`)
  await state(page, transport)
  await at(page, 'name-input').fill(name)
  await at(page, 'name-submit').click()
  await shown(page, 'room-title', room || 'lobby')
}

export async function say(page, text) {
  await at(page, 'composer-input').fill(text)
  await at(page, 'composer-input').press('Enter')
}

/// Waits for a message of somebody else.
export const heard = (page, from, text) => telling(at(page, 'message', `[data-from="${from}"][data-own="false"]`).locator('[data-testid=text]').getByText(text, { exact: true }).waitFor())
