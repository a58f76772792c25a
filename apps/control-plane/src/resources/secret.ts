import { invalidValue, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Secret } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { CONTENT_BYTES_MAX, contentBytes, validateFrozen } from './config-map.ts'
import { check, configKey } from './rules.ts'
import { immutable } from './workload.ts'

export const secrets: ResourceDefinition<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Secret' },
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: (secret) => secret.type ?? '' },
    { name: 'Data', type: 'string', value: ({ data = {} }) => Object.keys(data).length },
    ageColumn,
  ],
  fields: (secret) => ({ type: secret.type ?? '' }),
  prepare: (draft) => {
    for (const [key, text] of Object.entries(draft.stringData ?? {}))
      draft.data = { ...draft.data, [key]: Buffer.from(text, 'utf8').toString('base64') }
    delete draft.stringData
  },
  applyDefaults: (draft) => {
    draft.type ||= 'Opaque'
  },
  validate: (secret, previous) => [
    ...Object.keys(secret.data ?? {}).flatMap((key) => check(`data[${key}]`, key, configKey)),
    ...(contentBytes(secret.data ?? {}) > CONTENT_BYTES_MAX ? [tooLong('data', CONTENT_BYTES_MAX)] : []),
    ...(previous?.immutable ? validateFrozen(secret, previous, ['data']) : []),
    ...validateType(secret),
    ...immutable('type', secret.type, previous, previous?.type),
  ],
}

/** What a secret of a known type must hold. Source: Kubernetes pkg/apis/core/validation ValidateSecret. */
function validateType({ type, data = {}, metadata }: Secret): readonly FieldError[] {
  const needed = (...keys: readonly string[]): readonly FieldError[] =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`))
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const account = 'kubernetes.io/service-account.name'
      return metadata.annotations?.[account] ? [] : [required(`metadata.annotations[${account}]`)]
    }
    case 'kubernetes.io/dockercfg':
      return [...needed('.dockercfg'), ...jsonContent(data, '.dockercfg')]
    case 'kubernetes.io/dockerconfigjson':
      return [...needed('.dockerconfigjson'), ...jsonContent(data, '.dockerconfigjson')]
    case 'kubernetes.io/basic-auth':
      return 'username' in data || 'password' in data ? [] : needed('username', 'password')
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')]
    case 'kubernetes.io/tls':
      return needed('tls.crt', 'tls.key')
    default:
      return []
  }
}

function jsonContent(data: Readonly<Record<string, string>>, key: string): readonly FieldError[] {
  if (data[key] === undefined) return []
  try {
    JSON.parse(Buffer.from(data[key], 'base64').toString('utf8'))
    return []
  } catch {
    return [invalidValue(`data[${key}]`, '<secret contents redacted>', 'must be valid JSON')] // the parser's own words would quote the secret
  }
}
