import { type Check, ok } from '../host.ts'

export const iptables: Check = {
  name: 'iptables',
  isCheap: false,
  judge(host) {
    const version = host.version('iptables')
    if (version === undefined)
      return { level: 'fail', message: 'iptables is not installed: Services have no rules', advice: 'apt install iptables' }
    const isLegacy = /\(legacy\)/.test(version)
    const hasLegacyRules = (host.text('/proc/net/ip_tables_names') ?? '').trim() !== ''
    if (!isLegacy && hasLegacyRules)
      return {
        level: 'warn',
        message:
          'iptables writes for nftables, but there are tables of iptables-legacy too: packets pass both, and may be dropped by rules that iptables does not show',
        advice: 'see "iptables-legacy-save"; let one program write rules, and reboot',
      }
    return ok(`iptables is there (${isLegacy ? 'legacy' : 'nftables'})`)
  },
}
