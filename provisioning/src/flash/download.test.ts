import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { anImage, readAll, testFolder } from './image.fixture.ts'
import { openImage } from './image-source.ts'

const image = anImage(6, 7)
const packed = gzipSync(image)
const sha = createHash('sha256').update(packed).digest('hex')

interface Behaviour {
  readonly noRanges?: boolean
  /** Bytes after which a download is cut, one by one; then no more. */
  readonly cuts?: number[]
  readonly etag?: (request: number) => string | undefined
  readonly sidecar?: string
  readonly sidecarType?: string
  /** Statuses of the first requests. */
  readonly statuses?: number[]
  readonly content?: Buffer
  /** Requests for the file that are answered before all are refused. */
  readonly expireAfter?: number
}

/** A server as they are found, and worse. */
async function serve(
  t: TestContext,
  {
    noRanges,
    cuts = [],
    etag = () => '"v1"',
    sidecar,
    sidecarType = 'text/plain',
    statuses = [],
    content = packed,
    expireAfter = Number.POSITIVE_INFINITY,
  }: Behaviour,
) {
  const asked: string[] = []
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const status = statuses.shift()
    if (status !== undefined) return void response.writeHead(status).end()
    if (request.url!.includes('.sha256'))
      return void (sidecar === undefined
        ? response.writeHead(404).end()
        : response.writeHead(200, { 'content-type': sidecarType }).end(sidecar))
    asked.push(request.headers.range ?? 'all')
    if (asked.length > expireAfter) return void response.writeHead(403).end()
    const tag = etag(asked.length)
    if (tag !== undefined) response.setHeader('etag', tag)
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
    const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === tag
    let body = content
    if (range && !noRanges && isSame) {
      const from = Number(range[1])
      const to = range[2] ? Math.min(Number(range[2]), content.length - 1) : content.length - 1
      body = content.subarray(from, to + 1)
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${content.length}`, 'content-length': body.length })
    } else response.writeHead(200, { 'content-length': body.length })
    const isWhole = range ? range[2] === '' : true
    const cut = isWhole && request.headers.range !== 'bytes=0-65535' ? cuts.shift() : undefined
    if (cut === undefined) response.end(body)
    else response.write(body.subarray(0, cut), () => response.destroy())
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/images/pi.img.gz?mirror=1`, asked }
}

test('an image is downloaded, and its checksum is found beside it', async (t) => {
  const { url, asked } = await serve(t, { sidecar: `${sha}  pi.img.gz\n` })
  const source = await openImage(url)
  assert.deepEqual([source.name, source.compressedBytes, source.sizeBytes], ['pi.img.gz', packed.length, image.length])
  assert.match(source.expected!.from, /\/images\/pi\.img\.gz\.sha256\?mirror=1$/)
  assert.equal((await readAll(source)).equals(image), true)
  assert.equal(source.checked(), 'download')
  assert.deepEqual(asked, ['bytes=0-65535', `bytes=${packed.length - 65536}-${packed.length - 1}`, 'bytes=0-'])
})

test('a download that is cut goes on where it was', async (t) => {
  const { url, asked } = await serve(t, { cuts: [700_000, 1, 500_000], sidecar: sha })
  assert.equal((await readAll(await openImage(url))).equals(image), true)
  const resumed = asked.slice(3).map((range) => Number(/bytes=(\d+)-/.exec(range)![1]))
  assert.equal(resumed.length, 3)
  assert.ok(resumed[0]! > 0 && resumed.every((from, index) => index === 0 || from >= resumed[index - 1]!), `${resumed}`)
})

test('the rest comes from the mirror that the start came from, or is asked for anew when its link has expired', async (t) => {
  const first = await serve(t, { cuts: [700_000], etag: () => '"v1"' })
  const second = await serve(t, { etag: () => '"elsewhere"' })
  const mirrors = [first.url, second.url, second.url]
  let asked = 0
  const redirect = createServer((request, response) => {
    if (request.url!.includes('.sha256')) return void response.writeHead(404).end()
    response.writeHead(302, { location: mirrors[Math.min(asked++, mirrors.length - 1)] }).end()
  })
  await new Promise<void>((resolve) => redirect.listen(0, '127.0.0.1', resolve))
  t.after(() => redirect.close())
  const url = `http://127.0.0.1:${(redirect.address() as AddressInfo).port}/pi.img.gz`
  assert.equal((await readAll(await openImage(url))).equals(image), true)
  assert.deepEqual([asked, second.asked], [1, []])

  const expired = await serve(t, { cuts: [700_000], expireAfter: 3 })
  mirrors.splice(0, 3, expired.url, first.url, first.url)
  asked = 0
  assert.equal((await readAll(await openImage(url))).equals(image), true)
  assert.equal(asked, 2)
})

test('a download that is kept is asked for once, however many cards it is written to', async (t) => {
  const { url, asked } = await serve(t, { sidecar: sha, cuts: [700_000] })
  const keepAt = join(testFolder(t), 'kept')
  const source = await openImage(url, { keepAt })
  for await (const _ of await source.open(new AbortController().signal)) break
  assert.equal(existsSync(keepAt), false, 'half a download is not kept')
  assert.equal((await readAll(source)).equals(image), true)
  const { length } = asked
  assert.equal((await readAll(source)).equals(image), true)
  assert.equal(asked.length, length)
  assert.equal(readFileSync(keepAt).equals(packed), true)
})

test('a download for whose copy there is no room is asked for again', {
  skip: !existsSync('/dev/full') && 'no /dev/full here',
}, async (t) => {
  const { url, asked } = await serve(t, {})
  const keepAt = join(testFolder(t), 'kept')
  for (const read of [1, 2]) symlinkSync('/dev/full', `${keepAt}.${read}`)
  const source = await openImage(url, { keepAt })
  assert.equal((await readAll(source)).equals(image), true)
  assert.equal((await readAll(source)).equals(image), true)
  assert.deepEqual(asked.slice(2), ['bytes=0-', 'bytes=0-'])
  assert.equal(existsSync(keepAt), false)
})

test('a server that is busy is asked again', async (t) => {
  const { url } = await serve(t, { statuses: [503, 429] })
  assert.equal((await readAll(await openImage(url))).equals(image), true)
})

test('a server that knows no ranges serves as long as nothing is cut', async (t) => {
  const { url } = await serve(t, { noRanges: true })
  const source = await openImage(url)
  assert.equal(source.compressedBytes, packed.length)
  assert.equal((await readAll(source)).equals(image), true)
})

const bad: readonly (Behaviour & { readonly name: string; readonly expect: RegExp })[] = [
  {
    name: 'a cut, and no ranges',
    noRanges: true,
    cuts: [900_000],
    expect: /^io: .*broke off at byte \d+ of \d+, and its server cannot resume: download it first/,
  },
  { name: 'a cut, and nothing that names the version', etag: () => undefined, cuts: [900_000], expect: /^io: .*cannot resume/ },
  {
    name: 'a file that changes while it is downloaded',
    cuts: [900_000],
    etag: (request) => (request < 4 ? '"v1"' : '"v2"'),
    expect: /^corrupt: .*has changed while/,
  },
  { name: 'a file that is not there', statuses: [404], expect: /^layout: .*is not there \(404\): is the address right/ },
  { name: 'a server that refuses', statuses: [403], expect: /^layout: .*refuses: 403/ },
  {
    name: 'a checksum of another file',
    sidecar: '0'.repeat(64),
    expect: /^corrupt: pi\.img\.gz: its SHA-256 is .*pi\.img\.gz\.sha256\?mirror=1 says 0000/,
  },
  {
    name: 'a file that was uploaded in part',
    content: packed.subarray(0, 900_000),
    expect: /^corrupt: pi\.img\.gz: .*(ends? too early|unexpected end|instead of)/,
  },
  { name: 'an error page in place of the file', content: Buffer.from('<html>sign in</html>'), expect: /^layout: .*web page/ },
]
for (const { name, expect, ...behaviour } of bad)
  test(`is told in words: ${name}`, async (t) => {
    const { url } = await serve(t, behaviour)
    await assert.rejects(
      async () => readAll(await openImage(url)),
      (error: Error & { code: string }) => {
        assert.match(`${error.code}: ${error.message}`, expect)
        return true
      },
    )
  })

test('a web page in place of the checksum is none', async (t) => {
  const { url } = await serve(t, { sidecar: '<html>nothing here</html>', sidecarType: 'text/html' })
  assert.equal((await openImage(url)).expected, undefined)
})

test('an address that is none, and a server that is not there', async () => {
  await assert.rejects(openImage('http://'), { code: 'path', message: /is no address/ })
  await assert.rejects(openImage('http://127.0.0.1:9/pi.img'), { code: 'io', message: /cannot be reached: / })
})
