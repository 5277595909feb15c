// What the programs of this folder have in common: options, one line per listener, and a clean end.
export function options(known) {
  const values = {}
  const args = process.argv.slice(2)
  while (args.length) {
    const name = args.shift()
    if (!(name in known)) fail(`unknown option ${name}, there are: ${Object.keys(known).join(' ')}`)
    if (known[name] === false) values[name] = true
    else if (!args.length) fail(`${name} needs a value`)
    else values[name] = args.shift()
  }
  return { ...known, ...values }
}

function fail(message) {
  console.error(message)
  process.exit(2)
}

export const timings = (text) => {
  const [pingInterval, pingTimeout] = text.split('/').map(Number)
  return { pingInterval, pingTimeout }
}

export const cors = (on) => (on ? { cors: { origin: true, credentials: true } } : {})

export function listen(server, port, close) {
  server.on('error', (error) => {
    console.error(String(error))
    process.exit(1)
  })
  server.listen(Number(port), '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`))
  const end = () => {
    close?.()
    setTimeout(() => process.exit(0), 100)
  }
  process.on('SIGTERM', end).on('SIGINT', end)
  // Whoever started us is gone.
  process.stdin.on('end', end).on('error', end).resume()
}
