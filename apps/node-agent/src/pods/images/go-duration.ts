/** `0s`, `456ms`, `1.234s`, `5m0s`, `1h0m2.5s`: how Go prints a duration of whole milliseconds. */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.trunc(ms))
  if (whole === 0) return '0s'
  if (whole < 1_000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = `${(whole % 60_000) / 1_000}s`
  return hours > 0 ? `${hours}h${minutes}m${seconds}` : minutes > 0 ? `${minutes}m${seconds}` : seconds
}
