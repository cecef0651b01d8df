/** A SwitchControl that only remembers, so that the API and the command line can be tested without privileges. */
import { TswitchError } from '../../src/control/errors.ts';
import { OFFLOAD_NAMES } from '../../src/control/model.ts';
import type { FdbEntryView, PortStats, PortView, SwitchControl, SwitchSettings } from '../../src/control/model.ts';
import { applyPatch, normalizePortRequest } from '../../src/control/port-request.ts';

export function fakeStats(drops: Record<string, number> = {}): PortStats {
  return {
    rx: { frames: 3, bytes: 180, superFrames: 0, drops: 0 },
    tx: { frames: 2, bytes: 120, superFrames: 0, segments: 0, drops: 0 },
    drops,
  };
}

/** Adding a port named `fault` throws what no request should cause, `gone` what the kernel would say. */
export function fakeControl(fdb: FdbEntryView[] = []): SwitchControl {
  const ports = new Map<string, PortView>();
  let settings: SwitchSettings = { ageingSeconds: 300, fdbLimit: 65_536, reservedAddresses: { forward: [] } };
  const port = (name: string): PortView => {
    const found = ports.get(name);
    if (!found) throw new TswitchError('PORT_NOT_FOUND', `there is no port ${name}`);
    return found;
  };
  const view = () => ({ ...settings, workers: 1, ffi: 'koffi' as const, version: '0.0.0' });
  return {
    ports: () => [...ports.values()],
    port,
    addPort: async (request) => {
      if (request.name === 'fault') throw new Error('secret of the stack');
      if (request.name === 'gone') throw new TswitchError('NETNS_NOT_FOUND', 'no namespace gone', { netns: 'gone' });
      const normal = normalizePortRequest(request);
      if (ports.has(normal.name)) throw new TswitchError('PORT_EXISTS', `there is a port ${normal.name} already`);
      const added: PortView = {
        ...normal,
        mtu: normal.mtu ?? 1500,
        mac: normal.mac ?? '02:00:00:00:00:01',
        offloads: normal.offloads ?? [...OFFLOAD_NAMES],
        cvlans: [],
        tpid: '0x88a8',
        priorityTags: 'never',
        fdbLimit: null,
        state: 'up',
        stats: fakeStats({ NOT_A_MEMBER: 4 }),
      };
      ports.set(added.name, added);
      return added;
    },
    patchPort: async (name, patch) => {
      const patched = { ...port(name), ...applyPatch(port(name), patch) };
      ports.set(name, patched);
      return patched;
    },
    removePort: async (name) => void ports.delete(port(name).name),
    vlans: () => [{ vlan: 10, ports: [...ports.keys()].map((name) => ({ name, tagged: false })) }],
    fdb: (filter, { limit, cursor = '0' }) => {
      const found = fdb.filter((entry) => filter.vlan === undefined || entry.vlan === filter.vlan);
      const end = Number(cursor) + limit;
      const entries = found.slice(Number(cursor), end);
      return { entries, total: found.length, nextCursor: end < found.length ? String(end) : null };
    },
    flushFdb: (filter) => fdb.filter((entry) => filter.vlan === undefined || entry.vlan === filter.vlan).length,
    settings: view,
    patchSettings: async (patch) => {
      settings = { ...settings, ...patch };
      return view();
    },
    stats: () => ({
      totals: { rx: 7, forwarded: 2, flooded: 1, floodCopies: 2, dropped: 4, tx: 4, txDropped: 0 },
      ports: Object.fromEntries([...ports].map(([name, { stats }]) => [name, stats])),
      drops: { NOT_A_MEMBER: 4 },
      workers: [{ worker: 0, state: 'asleep', restarts: 0, turns: 1 }],
    }),
    close: async () => {},
  };
}
