import { isIPv4, isIPv6 } from 'node:net'
import { nameProblems } from '../names.ts'

/**
 * Whether a text has the form that a schema's `format` asks for. Formats that nobody knows say nothing.
 * @see Source: k8s.io/kube-openapi pkg/validation/strfmt.
 */
export const hasFormat = (format: string, text: string): boolean => {
  const name = format.replaceAll('-', '')
  return !Object.hasOwn(FORMATS, name) || FORMATS[name]!(text)
}

/** Without hyphens, as the registry of formats compares them. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matching(/^[0-9a-f]{24}$/i),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$|^$/),
  cidr: isNetwork,
  creditcard: (text) => /^[\d -]+$/.test(text) && hasLuhnSum(text.replace(/\D/g, '')),
  date: isDate,
  datetime: isDateTime,
  duration: isDuration,
  email: isEmail,
  hexcolor: matching(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i),
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  k8slongname: (text) => nameProblems('subdomain', text).length === 0,
  k8sshortname: (text) => nameProblems('label', text).length === 0,
  mac: matching(
    /^([0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{2}([:-][0-9a-f]{2}){7}|([0-9a-f]{4}\.){2}[0-9a-f]{4}|([0-9a-f]{4}\.){3}[0-9a-f]{4})$/i,
  ),
  rgbcolor: matching(/^rgb\(\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*(,\s*(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\s*){2}\)$/),
  ssn: matching(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  uri: isUri,
  uuid: matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid4: matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
}

/** Only for patterns without nested repetition. */
function matching(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text)
}

export function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (!match) return false
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number]
  const date = new Date(Date.UTC(2000, 0, 1))
  date.setUTCFullYear(year, month - 1, day)
  return month >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

function isDateTime(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d)t(\d\d):(\d\d):(\d\d)(\.\d+)?(z|[+-]\d\d:\d\d)$/i.exec(text)
  return match !== null && isDate(match[1]!) && Number(match[2]) < 24 && Number(match[3]) < 60 && Number(match[4]) < 60
}

/** Go's durations, and words that people write. */
function isDuration(text: string): boolean {
  if (/^[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) return true
  return /^\d+\s*(ns|nano|us|µs|micro|ms|milli|s|sec|m|min|h|hr|hour|d|day|w|wk|week)s?$/.test(text)
}

/** Address literals and names are left to who delivers mail. */
function isEmail(text: string): boolean {
  const address = /<([^<>]*)>$/.exec(text)?.[1] ?? text
  const at = address.lastIndexOf('@')
  return (
    at > 0 &&
    at < address.length - 1 &&
    !/[\s@,;()]/.test(address.slice(0, at)) &&
    /^(\[[^\]]+\]|[^\s@,;()<>[\]]+)$/.test(address.slice(at + 1))
  )
}

function isHostname(text: string): boolean {
  if (text.length > 255 || text === '') return false
  return text.split('.').every((label) => label.length <= 63 && /^[\p{L}\p{S}\d]([-\p{L}\p{S}\d]*[\p{L}\p{S}\d])?$/u.test(label))
}

function isNetwork(text: string): boolean {
  const slash = text.indexOf('/')
  if (slash < 0 || !/^\d{1,3}$/.test(text.slice(slash + 1))) return false
  const [address, prefix] = [text.slice(0, slash), Number(text.slice(slash + 1))]
  return (isIPv4(address) && prefix <= 32) || (isIPv6(address) && !address.includes('%') && prefix <= 128)
}

/** An absolute path, or anything with a scheme. */
function isUri(text: string): boolean {
  if (/[\s\u0000-\u001f\u007f]/.test(text) || /%(?![0-9a-f]{2})/i.test(text)) return false
  if (text.startsWith('/')) return true
  return /^[a-z][a-z0-9+.-]*:/i.test(text) && (!text.includes('://') || URL.canParse(text))
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '')
  if (!/^\d{9}[\dX]$/.test(digits)) return false
  return [...digits].reduce((sum, digit, index) => sum + (10 - index) * (digit === 'X' ? 10 : Number(digit)), 0) % 11 === 0
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '')
  return /^\d{13}$/.test(digits) && [...digits].reduce((sum, digit, index) => sum + Number(digit) * (index % 2 === 0 ? 1 : 3), 0) % 10 === 0
}

function hasLuhnSum(digits: string): boolean {
  if (digits.length < 12 || digits.length > 19) return false
  const doubled = [...digits].reverse().map((digit, index) => Number(digit) * (index % 2 === 0 ? 1 : 2))
  return doubled.reduce((sum, value) => sum + (value > 9 ? value - 9 : value), 0) % 10 === 0
}
