import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonObject } from '@bramble/api/object'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd, aVersion } from '../../api/custom/crd.fixture.ts'
import { loadLibraries } from '../../api/custom/libraries.ts'
import { customResourceDefinitions as crds } from '../custom-resource-definition.ts'

before(() => loadLibraries({ pattern: '', 'x-kubernetes-validations': [] }))

const prepared = (body: JsonObject, previous?: CustomResourceDefinition): CustomResourceDefinition => {
  const draft = structuredClone(body) as unknown as CustomResourceDefinition
  crds.prepare?.(draft, previous)
  crds.applyDefaults?.(draft)
  return draft
}
const shown = (body: JsonObject, previous?: CustomResourceDefinition): string[] =>
  (crds.validate?.(prepared(body, previous), previous) ?? []).map(({ path, message }) => `${path}: ${message}`)

const crd = (change: JsonObject): JsonObject => aCrd({ crd: change })
const version = (change: object): JsonObject => aCrd({ version: change })
const V = 'spec.versions[0]'
const LABEL1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

const CASES: readonly (readonly [string, JsonObject, readonly string[]])[] = [
  ['a good one', aCrd({}), []],
  [
    'another name',
    { ...aCrd({}), metadata: { name: 'x.example.com' } },
    ['metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'a group without a dot',
    { ...crd({ group: 'example' }), metadata: { name: 'widgets.example' } },
    ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
  ],
  [
    'a scope that there is not',
    crd({ scope: 'Global' }),
    ['spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'unknown fields everywhere',
    crd({ preserveUnknownFields: true }),
    [
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
  [
    'a conversion by others',
    crd({ conversion: { strategy: 'Webhook' } }),
    [
      'spec.conversion.strategy: Invalid value: "Webhook": conversion webhooks are not supported: use None, which changes the apiVersion only',
    ],
  ],
  [
    'a conversion that there is not',
    crd({ conversion: { strategy: 'Magic' } }),
    ['spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'],
  ],
  [
    'names in capitals',
    crd({ names: { plural: 'widgets', kind: 'Wid_get', shortNames: ['W'] } }),
    [
      'spec.names.singular: Invalid value: "wid_get": ' + LABEL1035,
      'spec.names.kind: Invalid value: "Wid_get": may have mixed case, but should otherwise match: ' + LABEL1035,
      'spec.names.listKind: Invalid value: "Wid_getList": may have mixed case, but should otherwise match: ' + LABEL1035,
      'spec.names.shortNames[0]: Invalid value: "W": ' + LABEL1035,
    ],
  ],
  [
    'a list that is called like one',
    crd({ names: { plural: 'widgets', kind: 'Widget', listKind: 'Widget' } }),
    ['spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same'],
  ],
  [
    'no version to store',
    version({ storage: false }),
    [
      'spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version',
      'status.storedVersions: Invalid value: []: must have at least one stored version',
    ],
  ],
  [
    'two versions of one name',
    aCrd({ versions: [aVersion('v1'), aVersion('v1', { storage: false })] }),
    ['spec.versions: Invalid value: ["v1","v1"]: must contain unique version names'],
  ],
  ['a version in capitals', version({ name: 'V1' }), [`${V}.name: Invalid value: "V1": ${LABEL1035}`]],
  [
    'no schema',
    aCrd({ versions: [aVersion('v1', { schema: {} })] }),
    [`${V}.schema.openAPIV3Schema: Required value: schemas are required`],
  ],
  [
    'a warning of what is in favour',
    version({ deprecationWarning: 'old' }),
    [`${V}.deprecationWarning: Invalid value: "old": can only be set for deprecated versions`],
  ],
  [
    'a scale of nothing',
    version({ subresources: { scale: { specReplicasPath: '.status.n', statusReplicasPath: '' } } }),
    [
      `${V}.subresources.scale.specReplicasPath: Invalid value: ".status.n": should be a json path under .spec`,
      `${V}.subresources.scale.statusReplicasPath: Required value`,
    ],
  ],
  [
    'a column of nothing',
    version({ additionalPrinterColumns: [{ name: '', type: 'text', jsonPath: 'spec' }] }),
    [
      `${V}.additionalPrinterColumns[0].name: Required value`,
      `${V}.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string`,
      `${V}.additionalPrinterColumns[0].jsonPath: Invalid value: "spec": must be a simple json path starting with .`,
    ],
  ],
  [
    'a group of the community',
    { ...crd({ group: 'a.k8s.io' }), metadata: { name: 'widgets.a.k8s.io' } },
    [
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
  ],
  [
    'a group of the community that says so',
    {
      ...crd({ group: 'a.k8s.io' }),
      metadata: { name: 'widgets.a.k8s.io', annotations: { 'api-approved.kubernetes.io': 'unapproved, an experiment' } },
    },
    [],
  ],
]
for (const [name, body, expected] of CASES) test(`definition: ${name}`, () => assert.deepEqual(shown(body), expected))

const selecting = (...paths: string[]): JsonObject =>
  aCrd({
    spec: {
      type: 'object',
      properties: {
        color: { type: 'string' },
        size: { type: 'integer' },
        ratio: { type: 'number' },
        list: { type: 'array', items: { type: 'string' } },
      },
    },
    version: { selectableFields: paths.map((jsonPath) => ({ jsonPath })) },
  })
const SELECTABLE: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['good ones', ['.spec.color', '.spec.size'], []],
  [
    'no field',
    ['.spec.colour'],
    [`${V}.selectableFields[0].jsonPath: Invalid value: ".spec.colour": is an invalid path: does not refer to a valid field`],
  ],
  [
    'an item',
    ['.spec.list[0]'],
    [`${V}.selectableFields[0].jsonPath: Invalid value: ".spec.list[0]": is an invalid path: array notation is not allowed`],
  ],
  [
    'a fraction',
    ['.spec.ratio'],
    [
      `${V}.selectableFields[0].jsonPath: Invalid value: ".spec.ratio": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.`,
    ],
  ],
  ['one twice', ['.spec.color', '.spec.color'], [`${V}.selectableFields[1].jsonPath: Duplicate value: ".spec.color"`]],
]
for (const [name, paths, expected] of SELECTABLE)
  test(`selectable fields: ${name}`, () => assert.deepEqual(shown(selecting(...paths)), expected))

test('more than eight selectable fields are too many', () => {
  const properties = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`f${index}`, { type: 'string' }]))
  const selectableFields = Object.keys(properties).map((name) => ({ jsonPath: `.spec.${name}` }))
  assert.deepEqual(shown(aCrd({ spec: { type: 'object', properties }, version: { selectableFields } })), [
    `${V}.selectableFields: Too many: 9: must have at most 8 items`,
  ])
})

test('what names objects in the store never changes, what clients rely on not while it is served', () => {
  const before = prepared(aCrd({}))
  const established = { ...before, status: { ...before.status, conditions: [{ type: 'Established', status: 'True' as const }] } }
  const changed = crd({ scope: 'Cluster', names: { plural: 'widgets', kind: 'Gadget' } })
  assert.deepEqual(shown(changed, before), [])
  assert.deepEqual(shown(changed, established), [
    'spec.scope: Invalid value: "Cluster": field is immutable',
    'spec.names.kind: Invalid value: "Gadget": field is immutable',
  ])
})

test('a version in which objects may be stored stays', () => {
  const before = prepared(aCrd({}))
  const next = aCrd({ versions: [aVersion('v2')] })
  assert.deepEqual(shown({ ...next, status: { storedVersions: ['v1', 'v2'] } }, before), [
    'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
  ])
})

test('names that were left out are filled in, and the storage version is remembered', () => {
  const { spec, status } = prepared(aCrd({}))
  assert.equal(spec.names.singular, 'widget')
  assert.equal(spec.names.listKind, 'WidgetList')
  assert.deepEqual(spec.conversion, { strategy: 'None' })
  assert.deepEqual(status, { storedVersions: ['v1'], conditions: [], acceptedNames: { plural: '', kind: '' } })
})
