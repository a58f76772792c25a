import { invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { WebhookClientConfig } from '@bramble/api/types/admission-registration'
import { dnsSubdomain, portNumber } from '../rules.ts'

/** How a webhook is reached. Source: apiserver pkg/util/webhook/validation.go. */
export function validateClientConfig({ url, service }: WebhookClientConfig, path: string): readonly FieldError[] {
  if (url !== undefined && service === undefined) return validateUrl(url, `${path}.url`)
  if (service === undefined || url !== undefined) return [required(path, 'exactly one of url or service is required')]
  return validateService(service, `${path}.service`)
}

const FORM = '; desired format: https://host[/path]'
/** Scheme, authority, path, query, fragment. Source: RFC 3986 appendix B. */
const PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

function validateUrl(url: string, path: string): readonly FieldError[] {
  if (/[\0-\x1f\x7f]/.test(url))
    return [required(path, `url must be a valid URL: parse ${JSON.stringify(url)}: net/url: invalid control character in URL${FORM}`)]
  const [, scheme = '', authority = '', , query = '', fragment = ''] = PARTS.exec(url)!
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  return [
    ...(scheme.toLowerCase() === 'https' ? [] : [invalidValue(path, scheme, `'https' is the only allowed URL scheme${FORM}`)]),
    ...(host === '' ? [invalidValue(path, host, `host must be specified${FORM}`)] : []),
    ...(at < 0 ? [] : [invalidValue(path, authority.slice(0, at), 'user information is not permitted in the URL')]),
    ...(fragment === '' ? [] : [invalidValue(path, fragment, 'fragments are not permitted in the URL')]),
    ...(query === '' ? [] : [invalidValue(path, query, 'query parameters are not permitted in the URL')]),
  ]
}

type Service = NonNullable<WebhookClientConfig['service']>

const validateService = ({ name, namespace, path: urlPath, port = 0 }: Service, path: string): readonly FieldError[] => [
  ...(name ? [] : [required(`${path}.name`)]),
  ...(namespace ? [] : [required(`${path}.namespace`)]),
  ...portNumber(port).map((fault) => invalidValue(`${path}.port`, port, `port is not valid: ${fault}`)),
  ...(urlPath === undefined ? [] : pathFaults(urlPath).map((fault) => invalidValue(`${path}.path`, urlPath, fault))),
]

function pathFaults(path: string): readonly string[] {
  if (path === '' || path === '/') return []
  if (path === '//') return ['segment[0] may not be empty']
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  return [
    ...(path.startsWith('/') ? [] : ["must start with a '/'"]),
    ...segments.flatMap((segment, index) =>
      segment === '' ? [`segment[${index}] may not be empty`] : dnsSubdomain(segment).map((fault) => `segment[${index}]: ${fault}`),
    ),
  ]
}
