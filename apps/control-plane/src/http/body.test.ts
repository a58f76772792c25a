import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PatchType } from '../api/requests.ts'
import { decodeObject, decodePatch } from './body.ts'

const POD = { kind: 'Pod', version: 'v1' }
const JSON_ERROR = "couldn't get version/kind; json parse error: "
const NO_OBJECT =
  'into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

// biome-ignore format: a table
const refused: readonly (readonly [what: string, type: string, body: string | Buffer, message: string, summary: string])[] = [
  ['nothing', 'application/json', '', `${JSON_ERROR}unexpected end of JSON input`, '<empty>'],
  ['a page', '', '<html>', `${JSON_ERROR}invalid character '<' looking for beginning of value`, '3c68746d6c3e'],
  ['half an object', 'application/json', '{"kind": "Pod", "metadata": {"name": ', `${JSON_ERROR}unexpected end of JSON input`, '{"kind": "Pod", "metadata": {" ...'],
  ['a list', 'application/json', '[]', `${JSON_ERROR}json: cannot unmarshal array ${NO_OBJECT}`, '5b5d'],
  ['a truth value', 'application/json', 'true', `${JSON_ERROR}json: cannot unmarshal bool ${NO_OBJECT}`, '74727565'],
  ['a number as kind', 'application/json', '{"kind":5}', `${JSON_ERROR}json: cannot unmarshal number into Go struct field .kind of type string`, '{"kind":5}'],
  ['a list as version', 'application/json', '{"apiVersion":[]}', `${JSON_ERROR}json: cannot unmarshal array into Go struct field .apiVersion of type string`, '{"apiVersion":[]}'],
  ['too many parts in a version', 'application/json', '{"apiVersion":"a/b/c"}', 'unexpected GroupVersion string: a/b/c', '{"apiVersion":"a/b/c"}'],
  ['broken YAML', 'application/yaml', 'a: b: c', 'yaml: mapping values are not allowed in this context', '613a20623a2063'],
  ['a YAML list', 'application/yaml', '- a', `${JSON_ERROR}json: cannot unmarshal array ${NO_OBJECT}`, '2d2061'],
  ['YAML that JSON cannot say', 'application/yaml', 'a: .nan', 'json: unsupported value: NaN', '613a202e6e616e'],
]
for (const [what, type, body, message, summary] of refused)
  test(`refuses ${what}`, async () =>
    assert.rejects(decodeObject(type, Buffer.from(body), POD), {
      code: 400,
      message: `the object provided is unrecognized (must be of type Pod): ${message} (${summary})`,
    }))

for (const [type, body] of [
  ['application/json', 'null'],
  ['application/yaml', ''],
  ['application/yaml', '---\n---\nkind: Pod'],
] as const)
  test(`${JSON.stringify(body)} as ${type} is an object of which nothing is said`, async () =>
    assert.deepEqual(await decodeObject(type, Buffer.from(body), POD), { value: {}, duplicateFields: [] }))

test('bytes that are no UTF-8 become replacement characters', async () => {
  const { value } = await decodeObject('application/json', Buffer.from('{"kind":"P\xffd"}', 'latin1'), POD)
  assert.deepEqual(value, { kind: 'P\ufffdd' })
})

test('other content types are refused, parameters do not matter', async () => {
  await assert.rejects(decodeObject('text/plain', Buffer.from('{}'), POD), {
    code: 415,
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  })
  assert.deepEqual((await decodeObject('Application/JSON; charset=utf-8', Buffer.from('{}'), POD)).value, {})
})

// biome-ignore format: a table
const patches: readonly (readonly [what: string, type: PatchType, body: string, message: string])[] = [
  ['broken JSON patch', 'json', '[', 'error decoding patch: unexpected end of JSON input'],
  ['JSON patch that is no list', 'json', '{}', 'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp'],
  ['broken merge patch', 'merge', '{', 'error decoding patch: unexpected end of JSON input'],
  ['merge patch that is no object', 'merge', '[]', 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['broken strategic merge patch', 'strategic', '{x}', "invalid character 'x' looking for beginning of object key string"],
  ['strategic merge patch that is a text', 'strategic', '"x"', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
  ['broken applied object', 'apply', 'a: b: c', 'error decoding YAML: error converting YAML to JSON: yaml: mapping values are not allowed in this context'],
  ['applied list', 'apply', '- a', 'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}'],
]
for (const [what, type, body, message] of patches)
  test(`refuses a ${what}`, async () => assert.rejects(decodePatch(type, Buffer.from(body)), { code: 400, message }))
