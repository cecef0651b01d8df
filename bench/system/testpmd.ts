/**
 * DPDK's testpmd in io mode, over AF_PACKET or AF_XDP: it moves every frame from one port to the other and looks nothing up.
 * No switch, but how fast DPDK's drivers are over the same veths.
 */
import { Child } from './child.ts';
import { inNetns, missingProgram, onCore } from './command.ts';
import { connectByVeth, endOf, makeSite, switchOffTxChecksums } from './hosts.ts';
import type { Subject } from './subject.ts';

/** With the default, AF_XDP ports take all buffers for themselves and nothing is forwarded. */
const BUFFERS = 32_768;
const MEMORY_MIB = 512;

function testpmd(driver: 'net_af_packet' | 'net_af_xdp'): Subject {
  return {
    name: `testpmd-${driver.slice('net_'.length).replace('_', '-')}`,
    about: `DPDK testpmd, io mode over two veths by ${driver}: a wire without look-ups, its thread spins`,
    help: `\`ethtool -K eth0 tx off\` in the hosts, else TCP stalls; veths with one queue; --total-num-mbufs=${BUFFERS}; no huge pages`,
    layouts: ['pair'],
    mayBeRefused: true,
    missing() {
      const program = missingProgram('dpdk-testpmd', 'ethtool');
      return (
        program && `${program} is not installed (\`sh src/setup/setup.sh bench-dpdk\` does: Debian package dpdk-dev)`
      );
    },
    async setUp(bench, stack, layout) {
      const site = await makeSite(bench, stack, layout);
      const { hosts, a, b, switchNetns } = site;
      await connectByVeth(site, 1);
      await switchOffTxChecksums(hosts);
      const { prefix, switchCore } = bench;
      const eal = ['--no-huge', '-m', String(MEMORY_MIB), '--no-pci', `--file-prefix=${prefix}`, '--no-telemetry'];
      // Its main thread, which waits, and the forwarding one share the switch's core.
      const cores = ['--lcores', `0@${switchCore},1@${switchCore}`];
      const ports = hosts.map((host, k) => `--vdev=${driver}${k},iface=${endOf(host)}`);
      const how = ['--forward-mode=io', '--auto-start', `--total-num-mbufs=${BUFFERS}`, '--no-mlockall'];
      const argv = ['dpdk-testpmd', ...eal, ...cores, ...ports, '--', ...how];
      // It ends when its stdin closes, so that is left open.
      const daemon = stack.use(Child.start(inNetns(switchNetns, onCore(switchCore, argv))));
      // The last line that it does not hold back; the hosts find out when frames pass.
      await daemon.printed(/Checking link statuses/, bench.signal);
      return { layout, hosts, a, b, switchPids: [daemon.pid] };
    },
  };
}

export const testpmdAfPacket = testpmd('net_af_packet');
export const testpmdAfXdp = testpmd('net_af_xdp');
