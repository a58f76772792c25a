import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd } from '../api/custom/crd.fixture.ts'
import { customDefinitions } from '../api/custom/definition.ts'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from './kubectl.fixture.ts'

// What kubectl reads in the OpenAPI documents: the texts of `explain`, what it may send, how it checks by itself.

/** The first kubectl that explains by version 3 of OpenAPI, and can be told to use version 2. */
const EXPLAINS_V3 = 27

let server: KubectlServer
before(async () => {
  server = await serveForKubectl()
})
after(() => server.close())

const WRONG_TYPE = `
apiVersion: v1
kind: ConfigMap
metadata: {name: wrong}
data: [a]
`
const UNKNOWN_FIELD = `
apiVersion: v1
kind: ConfigMap
metadata: {name: wrong}
date: {a: b}
`

for (const kubectl of kubectls()) {
  const namespace = `openapi-${minorOf(kubectl)}`
  const { run, ok } = kubectlRunner(kubectl, namespace, () => server)

  test(`${namespace}: explain tells fields, types, values and texts`, async () => {
    await ok(`create namespace ${namespace}`)
    assert.match(await ok('explain pods.spec.containers.image'), /FIELD: +image <string>[\s\S]*Container image name/)
    assert.match(await ok('explain deployment.spec.template.spec.restartPolicy'), /Restart policy for all containers[\s\S]*"Always"/)
    assert.match(await ok('explain service.spec.ports.targetPort'), /<IntOrString>/)
    assert.match(await ok('explain pod.spec.containers.resources.limits'), /<map\[string\]Quantity>/)
    assert.match(await ok('explain pod.spec'), /containers\t<\[\]Container> -required-/)
    assert.match(await ok('explain hpa --api-version=autoscaling/v1'), /VERSION: +v1\n/)
    assert.match((await run('explain pods.spec.nothing')).err, /field "nothing" does not exist/)
  })

  test(`${namespace}: explain lists all that is below`, async () => {
    const all = await ok('explain cronjob --recursive')
    for (const field of [
      'jobTemplate\t<JobTemplateSpec>',
      'ephemeralContainers\t<[]EphemeralContainer>',
      'matchExpressions\t<[]LabelSelectorRequirement>',
    ])
      assert.ok(all.includes(field), field)
    assert.match(await ok('explain crd.spec.versions.schema --recursive'), /openAPIV3Schema\t<JSONSchemaProps>/)
  })

  test(`${namespace}: explain by version 2`, { skip: minorOf(kubectl) < EXPLAINS_V3 }, async () => {
    const text = await ok('explain --output=plaintext-openapiv2 pods.spec.containers')
    assert.match(text, /RESOURCE: containers <\[\]Object>|FIELD: +containers <\[\]Container>|RESOURCE: containers <\[\]Container>/)
    assert.match(text, /imagePullPolicy\t<string>/)
    assert.match(await ok('explain --output=plaintext-openapiv2 deployments --recursive'), /maxSurge\t<string>/)
  })

  test(`${namespace}: every kind is explained`, async () => {
    const kinds = server.api.registry.all().filter(({ verbs, columns }) => columns.length > 0 && (verbs ?? ['list']).includes('list'))
    const missing: string[] = []
    for (const { plural, group, version, kind } of kinds) {
      const { code, out, err } = await run(`explain ${plural} --api-version=${group === '' ? version : `${group}/${version}`}`)
      if (code !== 0 || !new RegExp(`KIND: +${kind}\\n`).test(out)) missing.push(`${plural}: ${err}${out.slice(0, 100)}`)
    }
    assert.deepEqual(missing, [])
  })

  test(`${namespace}: a kind that was defined a moment ago is explained, by both versions`, async () => {
    const group = `${namespace}.example.com` // a cache of its own in kubectl
    const crd = aCrd({
      spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer', description: 'How large.' } } },
      crd: { group },
    }) as unknown as CustomResourceDefinition
    server.api.registry.setCustom(customDefinitions(crd, { isTerminating: false }, new AbortController().signal))
    assert.match(await ok(`explain widgets.spec.size --api-version=${group}/v1`), /size <integer>( -required-)?\s[\s\S]*How large\./)
    const byV2 = await ok(`explain --output=plaintext-openapiv2 widgets.spec --api-version=${group}/v1`)
    assert.match(byV2, /size\t<integer> -required-\n +How large\./)
  })

  test(`${namespace}: the server checks what kubectl would`, async () => {
    const type = await run('create -f -', WRONG_TYPE)
    assert.match(
      type.err,
      /ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal array into Go struct field ConfigMap\.data of type map\[string\]string/,
    )
    assert.match((await run('create -f -', UNKNOWN_FIELD)).err, /strict decoding error: unknown field "date"/)
    const warned = await run('create --validate=warn -f -', UNKNOWN_FIELD)
    assert.equal(warned.code, 0)
    assert.match(warned.err, /^Warning: unknown field "date"$/m)
    assert.equal((await run('delete configmap wrong')).code, 0)
    const ignored = await run('create --validate=ignore -f -', UNKNOWN_FIELD)
    assert.deepEqual([ignored.code, ignored.err], [0, ''])
  })
}
