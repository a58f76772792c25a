import { type Check, type Host, ok } from '../host.ts'

const TIME_SERVICES = ['systemd-timesyncd', 'chronyd', 'chrony', 'ntpd', 'ntpsec', 'openntpd']

/** A Raspberry Pi has no battery: without network it starts where it stopped, or in 1970. */
export const clock: Check = {
  name: 'clock',
  isCheap: true,
  condition: { type: 'ClockWrong', bad: 'ClockBehind', good: 'ClockPlausible' },
  judge(host) {
    const { builtAtMs, certifiedAtMs = 0 } = host.settings
    const now = new Date(host.nowMs).toISOString().slice(0, 16)
    if (host.nowMs < builtAtMs || host.nowMs < certifiedAtMs)
      return {
        level: 'fail',
        message: `the clock says ${now}, which is before ${host.nowMs < builtAtMs ? 'this program was made' : "this node's certificate"}: pods run, but the control plane cannot be trusted until the time is right`,
        advice: 'let the node reach a time server ("timedatectl set-ntp true"), set the time with "date -s", or fit a clock with a battery',
      }
    if (!hasTimeService(host))
      return {
        level: 'warn',
        message: `nothing keeps the clock right (it says ${now})`,
        advice: 'apt install systemd-timesyncd, or chrony where the network is often away',
      }
    return ok(`the time is plausible (${now})`)
  },
}

const hasTimeService = (host: Host): boolean =>
  host.names('/run/systemd/timesync').length > 0 ||
  ['/run/chrony', '/run/ntpd.pid', '/run/openntpd'].some((path) => host.names(path).length > 0 || host.text(path) !== undefined) ||
  host.names('/etc/systemd/system/sysinit.target.wants').some((name) => TIME_SERVICES.includes(name.replace('.service', ''))) ||
  host.names('/etc/systemd/system/multi-user.target.wants').some((name) => TIME_SERVICES.includes(name.replace('.service', '')))
