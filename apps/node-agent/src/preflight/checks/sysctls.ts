import { type Check, ok } from '../host.ts'

/** Where the kernel has it at all. Source: Kubernetes "Container Runtimes: Network configuration". */
const WANTED: Readonly<Record<string, string>> = { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '1' }

export const sysctls: Check = {
  name: 'sysctls',
  isCheap: true,
  judge(host) {
    const wrong = Object.entries(WANTED).filter(([name, wanted]) => {
      const text = host.text(`/proc/sys/${name.replaceAll('.', '/')}`)
      return text !== undefined && text.trim() !== wanted
    })
    if (wrong.length === 0) return ok('packets of pods are forwarded')
    return {
      level: 'warn',
      message: `${wrong.map(([name]) => name).join(' and ')} ${wrong.length > 1 ? 'are' : 'is'} off: pods reach neither each other nor Services`,
      advice: `set ${wrong.map((pair) => pair.join('=')).join(' and ')} in /etc/sysctl.d/90-bramble.conf`,
      fix: { type: 'sysctls', values: Object.fromEntries(wrong) },
    }
  },
}
