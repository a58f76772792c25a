import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cardsByCount, cardsFromCsv, COLUMNS, type OptionsOf } from './card-list.ts'

const server = 'https://192.168.1.10:6443'
const plain: OptionsOf = (row) => ({
  options: {
    server,
    hostname: row.hostname,
    serial: row.serial,
    country: row.country,
    staticIp: row['static-ip'],
    labels: row.label?.split(';'),
  },
  output: row.output,
  problems: [],
})

test('a card per line, with the line it is from', () => {
  const { cards, problems } = cardsFromCsv(
    'cards.csv',
    '\uFEFFhostname,static-ip,label\n# kitchen\npi-1,192.168.1.21/24,"a=b;c=d"\n\npi-2,192.168.1.22/24,\n',
    plain,
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(
    cards.map(({ from, settings }) => [from, settings.hostname, settings.staticAddress?.address, settings.labels]),
    [
      ['cards.csv:3', 'pi-1', '192.168.1.21/24', ['a=b', 'c=d']],
      ['cards.csv:5', 'pi-2', '192.168.1.22/24', []],
    ],
  )
})

test('line ends of Windows, semicolons and dashes before names are understood', () => {
  const { cards, problems } = cardsFromCsv('c.csv', '--Hostname;serial\r\npi-1;10000000ABCDEF12\r\n', plain)
  assert.deepEqual(problems, [])
  assert.equal(cards[0]?.settings.serial, '10000000abcdef12')
})

test('every bad line is told at once, by its number', () => {
  const text = [
    'hostname,serial,country',
    'Pi-1,,',
    'pi-2,xyz,UK',
    'pi-3',
    'pi-2,,',
    'ok,,DE',
    'pi-6,10000000abcdef12,',
    'pi-7,10000000ABCDEF12,',
  ].join('\n')
  const { problems } = cardsFromCsv('cards.csv', text, plain)
  assert.deepEqual(
    problems.map(({ from, option, message }) => `${from} ${option} ${message}`.slice(0, 60)),
    [
      'cards.csv:2 hostname "Pi-1" must be lower case: pi-1',
      'cards.csv:3 serial "xyz" must be the 8 or 16 hex digits that',
      'cards.csv:3 country "UK" must be GB',
      'cards.csv:4  has 1 columns, the first line names 3; text wit',
      'cards.csv:5 hostname "pi-2" is that of cards.csv:3 already',
      'cards.csv:8 serial "10000000abcdef12" is that of cards.csv:7',
    ],
  )
})

const broken: readonly { readonly name: string; readonly text: string; readonly says: RegExp }[] = [
  { name: 'empty', text: '', says: /c\.csv:1 .*is empty; its first line names the columns/ },
  { name: 'only names of columns', text: 'hostname\n', says: /c\.csv:1 .*no line for a card/ },
  { name: 'without names of columns', text: 'pi-1\npi-2\n', says: /c\.csv:1 .*unknown column "pi-1"; known: hostname/ },
  { name: 'with a column twice', text: 'hostname,hostname\na,b\n', says: /c\.csv:1 .*"hostname" is there twice/ },
  { name: 'with a quote that never ends', text: 'hostname\n"pi-1\n', says: /c\.csv:\d .*is no CSV/ },
]
for (const { name, text, says } of broken)
  test(`refuses a file that is ${name}`, () => {
    const { cards, problems } = cardsFromCsv('c.csv', text, plain)
    assert.deepEqual(cards, [])
    assert.match(problems.map(({ from, message }) => `${from} ${message}`).join('\n'), says)
  })

test('{n} counts cards in names, addresses, labels and files', () => {
  const { cards, problems } = cardsByCount(3, () => ({
    options: { server, hostname: 'pi-{n}', staticIp: '192.168.1.2{n}/24', labels: ['place=shelf-{n}'] },
    output: '{hostname}-{n}.img',
    problems: [],
  }))
  assert.deepEqual(problems, [])
  assert.deepEqual(
    cards.map(({ settings, output }) => [settings.hostname, settings.staticAddress?.address, settings.labels[0], output]),
    [1, 2, 3].map((n) => [`pi-${n}`, `192.168.1.2${n}/24`, `place=shelf-${n}`, `pi-${n}-${n}.img`]),
  )
})

test('several cards with one name are refused, and told how', () => {
  const { problems } = cardsByCount(2, () => ({ options: { server, hostname: 'pi' }, output: 'a.img', problems: [] }))
  assert.deepEqual(
    problems.map(({ option, message }) => `${option} ${message}`),
    [
      'hostname "pi" is that of card 1 already; put {n} where the number goes',
      'output "a.img" is that of card 1 already; put {n} where the number goes',
    ],
  )
})

test('a card without a name is called by its serial, else by its place', () => {
  const output = '{hostname}.img'
  assert.equal(
    cardsByCount(1, () => ({ options: { server, serial: '10000000ABCDEF12' }, output, problems: [] })).cards[0]?.output,
    'bramble-abcdef12.img',
  )
  assert.equal(cardsByCount(2, () => ({ options: { server }, output, problems: [] })).cards[1]?.output, 'card-2.img')
})

test('no column holds a secret', () => assert.ok(!COLUMNS.some((column) => /passphrase$|token|password|psk/.test(column))))
