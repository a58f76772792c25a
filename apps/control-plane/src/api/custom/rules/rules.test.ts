import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { loadPatterns } from '../patterns.ts'
import { Budget } from './budget.ts'
import { RulePlace } from './compile.ts'
import { evaluationMessage } from './messages.ts'

before(() => loadPatterns())

const SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    n: { type: 'integer' },
    f: { type: 'number' },
    s: { type: 'string' },
    b: { type: 'boolean' },
    'a-b.c/d': { type: 'string' },
    a__b: { type: 'string' },
    namespace: { type: 'string' },
    list: { type: 'array', items: { type: 'integer' } },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    objects: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, constructor: { type: 'string' } } } },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    o: { type: 'object', properties: { x: { type: 'integer' }, missing: { type: 'string' } } },
    at: { type: 'string', format: 'date-time' },
    day: { type: 'string', format: 'date' },
    span: { type: 'string', format: 'duration' },
    bytes: { type: 'string', format: 'byte' },
    port: { 'x-kubernetes-int-or-string': true },
    maybe: { type: 'string', nullable: true },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}
const VALUE: JsonObject = {
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'w' },
  n: 3,
  f: 1.5,
  s: 'hé😀llo',
  b: true,
  'a-b.c/d': 'x',
  a__b: 'y',
  namespace: 'ns',
  list: [1, 2, 3],
  set: ['a', 'b'],
  objects: [{ name: 'a', constructor: 'x' }, { name: 'b' }],
  map: { k: 'v', __proto: 'p' },
  o: { x: 1 },
  at: '2026-01-01T10:00:00Z',
  day: '2026-01-01',
  span: '1h30m',
  bytes: 'eHl6',
  port: 80,
  maybe: null,
  open: { any: 1 },
}

function outcome(rule: string, result: 'bool' | 'string' = 'bool', value = VALUE): unknown {
  const place = new RulePlace(SCHEMA, true)
  let expression: ReturnType<RulePlace['compile']>
  try {
    expression = place.compile(rule, result, false)
  } catch (error) {
    return (error as Error).message
  }
  try {
    const self = place.convert(value)
    return expression.run({ self, oldSelf: self }, new Budget())
  } catch (error) {
    return evaluationMessage(error)
  }
}

const HOLD: readonly string[] = [
  'self.n == 3 && self.f == 1.5 && self.b',
  'self.n < 4.5 && double(self.n) / 2.0 == self.f',
  'self.a__dash__b__dot__c__slash__d == "x" && self.a__underscores__b == "y" && self.__namespace__ == "ns"',
  'self.apiVersion == "example.com/v1" && self.kind == "Widget" && self.metadata.name == "w" && !has(self.metadata.generateName)',
  'has(self.o.x) && !has(self.o.missing) && has(self.map.k)',
  'self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.exists_one(x, x == 1)',
  'self.list.map(x, x * 2).sum() == 12 && self.list.filter(x, x > 1).size() == 2',
  'self.list.isSorted() && self.list.min() == 1 && self.list.max() == 3 && self.list.indexOf(2) == 1 && self.list.lastIndexOf(9) == -1',
  'self.list.slice(0, 2) == [1, 2] && [1, 1, 2].distinct() == [1, 2] && [2, 1].sort() == [1, 2] && self.list.reverse()[0] == 3',
  'self.list.all(i, x, x == i + 1) && self.list.exists(i, x, i == 2 && x == 3) && self.map.transformList(k, v, k + v).exists(x, x == "kv")',
  'self.map.transformMap(k, v, k == "k", v + "!")["k"] == "v!" && self.list.existsOne(i, x, x == 1)',
  'self.map.all(k, self.map[k].size() == 1) && "k" in self.map && !("z" in self.map)',
  'self.set == ["b", "a"] && "a" in self.set && self.set.size() == 2 && sets.contains(self.set, ["a"])',
  'sets.equivalent([1, 2], [2, 1]) && sets.intersects(["a"], self.set) && !sets.intersects([1], [2])',
  'self.objects[0].constructor == "x" && !has(self.objects[1].constructor) && self.objects.map(o, o.name) == ["a", "b"]',
  'self.o == oldSelf.o && self == oldSelf && self.objects == oldSelf.objects && self.o != null',
  'self.s.size() == 6 && self.s.charAt(2) == "😀" && self.s.substring(1, 3) == "é😀" && self.s.indexOf("l") == 3 && self.s.lastIndexOf("l") == 4',
  '"a,b,c".split(",").join("-") == "a-b-c" && "a,b,c".split(",", 2) == ["a", "b,c"] && "abcb".replace("b", "x") == "axcx" && "abcb".replace("b", "x", 1) == "axcb"',
  '"ÄBC".lowerAscii() == "Äbc" && "äbc".upperAscii() == "äBC" && " a ".trim() == "a" && "abc".reverse() == "cba"',
  '"%s has %d of %.2f, %x %e %%".format(["a", 3, 1.5, 255, 1000.0]) == "a has 3 of 1.50, ff 1.000000e+3 %"',
  'self.s.matches("^h.*o$") && !"abc".matches("^b") && "abc 123".find("[0-9]+") == "123" && "a1b2".findAll("[0-9]") == ["1", "2"] && "a1b2".findAll("[0-9]", 1) == ["1"]',
  'self.at > timestamp("2026-01-01T09:00:00Z") && self.at - self.day == duration("10h") && self.span == duration("90m")',
  'self.at.getHours() == 10 && self.day.getDayOfYear() == 0 && self.span.getMinutes() == 90 && string(self.day) == "2026-01-01T00:00:00Z"',
  'self.bytes == b"xyz" && size(self.bytes) == 3',
  'self.port == 80 && type(self.port) == int && (type(self.port) == string ? self.port == "http" : self.port > 0)',
  'self.maybe == null && self.?o.?x.orValue(0) == 1 && self.?o.?missing.orValue("none") == "none"',
  'self.?n.optMap(x, x + 1).orValue(0) == 4 && optional.of(1).optFlatMap(x, optional.none()).hasValue() == false',
  'optional.ofNonZeroValue("").hasValue() == false && optional.ofNonZeroValue(1).value() == 1',
  'quantity("1Gi").isGreaterThan(quantity("1000Mi")) && quantity("1.5").add(quantity("500m")) == quantity("2") && quantity("2k").asInteger() == 2000',
  'isQuantity("5m") && !isQuantity("5x") && quantity("5m").isInteger() == false && quantity("-1").sign() == -1 && quantity("3").sub(1).compareTo(quantity("2")) == 0',
  'ip("10.0.0.1").family() == 4 && isIP("::1") && !isIP("1.2.3") && ip("127.0.0.1").isLoopback() && ip.isCanonical("2001:db8::1")',
  'cidr("10.0.0.0/8").containsIP("10.1.2.3") && cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") && cidr("fd00::/8").containsCIDR("fd00::/16")',
  'isCIDR("10.0.0.0/8") && !isCIDR("10.0.0.0/40") && cidr("10.0.0.0/8").prefixLength() == 8 && cidr("10.0.0.0/8").ip() == ip("10.0.0.0")',
  'url("https://a.b:80/x%20y?q=1&q=2").getHost() == "a.b:80" && url("https://a.b:80/x?q=1").getPort() == "80" && url("/p").getEscapedPath() == "/p"',
  'isURL("https://example.com") && !isURL("example") && url("https://a/?q=1&q=2").getQuery()["q"] == ["1", "2"]',
  '!format.dns1123Label().validate("abc").hasValue() && format.dns1123Label().validate("A_").value().size() == 1 && !format.named("none").hasValue()',
  'int("3") == 3 && string(3) == "3" && double("1.5") == 1.5 && dyn(self.n) != dyn("3")',
  '[1, "a"].size() == 2 && {"a": 1}["a"] == 1',
]
for (const rule of HOLD) test(`holds: ${rule}`, () => assert.equal(outcome(rule), true))

const failing = (place: string, fault: string): string => `compilation failed: ERROR: <input>:${place}: ${fault}`

const REFUSED: readonly (readonly [string, string])[] = [
  ['self.nn == 3', `${failing('1:5', "undefined field 'nn'")}\n | self.nn == 3\n | ....^`],
  ['self.o.y == 1', `${failing('1:7', "undefined field 'y'")}\n | self.o.y == 1\n | ......^`],
  ['self.n == "a"', `${failing('1:8', "found no matching overload for '_==_' applied to '(int, string)'")}\n | self.n == "a"\n | .......^`],
  ['self.n == 1.0', `${failing('1:8', "found no matching overload for '_==_' applied to '(int, double)'")}\n | self.n == 1.0\n | .......^`],
  ['self.n == null', `${failing('1:8', "found no matching overload for '_==_' applied to '(int, null)'")}\n | self.n == null\n | .......^`],
  [
    'true &&\n  self.list + 1 == 2',
    `${failing('2:13', "found no matching overload for '_+_' applied to '(list(int), int)'")}\n |   self.list + 1 == 2\n | ............^`,
  ],
  ['self.open.any == 1', `${failing('1:10', "undefined field 'any'")}\n | self.open.any == 1\n | .........^`],
  ['me == 1', `${failing('1:1', "undeclared reference to 'me' (in container '')")}\n | me == 1\n | ^`],
  ['nothing(self)', `${failing('1:8', "undeclared reference to 'nothing' (in container '')")}\n | nothing(self)\n | .......^`],
  [
    'self.s.split(1)',
    `${failing('1:13', "found no matching overload for 'split' applied to 'string.(int)'")}\n | self.s.split(1)\n | ............^`,
  ],
  ['self.n >', `${failing('1:9', 'Syntax error: unexpected token: EOF')}\n | self.n >\n | ........^`],
  ['self.n', 'cel expression must evaluate to a bool'],
  [`${'!'.repeat(60_000)}self.b`, 'compilation failed: expression is nested too deep'],
]
for (const [rule, message] of REFUSED) test(`is refused: ${rule.slice(0, 40)}`, () => assert.equal(outcome(rule), message))

const FAILED: readonly (readonly [string, string])[] = [
  ['1 / (self.n - 3) == 1', 'division by zero'],
  ['self.list[5] == 1', 'index out of bounds: 5'],
  ['self.map["z"] == ""', 'no such key: z'],
  ['self.s.matches("(")', 'error parsing regexp: missing closing ): `(`'],
  ['self.s.substring(9) == ""', 'index out of range: 9'],
  ['quantity("x").isInteger()', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  ['[].min() == 1', 'min called on empty list'],
  ['optional.none().value() == 1', 'Optional value is not present'],
]
for (const [rule, message] of FAILED) test(`fails: ${rule}`, () => assert.equal(outcome(rule), message))

test('a message is a text', () => {
  assert.equal(outcome('"n is " + string(self.n)', 'string'), 'n is 3')
  assert.equal(outcome('self.n', 'string'), 'messageExpression must evaluate to a string')
})

const COSTLY: readonly string[] = [
  'self.list.all(a, self.list.all(b, self.list.all(c, self.list.all(d, a + b + c + d >= 0))))',
  'self.list.all(a, a in self.list.map(b, b * a))',
  'self.list.map(a, self.list.map(b, self.list)).size() > 0',
  'self.s.replace("a", self.s).size() > 0',
  'self.list.all(a, self.s.matches("(a+)+$"))',
  'self.list.exists(a, self.list.exists(b, self.list.exists(c, self.list == self.list.map(d, d + a + b + c + 1))))',
  'self.list.transformList(i, a, self.list.transformList(j, b, self.list.filter(c, c == a + b))).size() > 0',
  '"%s".format([self.list.map(a, self.s)]).size() > 0',
]
for (const rule of COSTLY)
  test(`stops when it has cost too much: ${rule}`, () => {
    const value = { ...VALUE, list: Array.from({ length: 2_000 }, (_, index) => index), s: 'a'.repeat(10_000) }
    const place = new RulePlace(SCHEMA, true)
    const budget = new Budget()
    const expression = place.compile(rule, 'bool', false)
    try {
      expression.run({ self: place.convert(value) }, budget)
    } catch {}
    assert.equal(budget.isRuleExhausted, true)
  })

test('has() wants a field', () => {
  assert.match(String(outcome('has(self)')), /invalid argument to has\(\) macro/)
  assert.match(String(outcome('has(self.list[0])')), /invalid argument to has\(\) macro/)
  assert.equal(outcome('has(self.objects[0].name) && !has(self.objects[1].constructor) && has({"a": self.o}["a"].x)'), true)
  assert.equal(outcome('has(self.objects[7].name)'), 'index out of bounds: 7')
})
