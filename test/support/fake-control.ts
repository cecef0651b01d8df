/** A SwitchControl that only remembers, so that the API and the command line can be tested without privileges. */
import { boundsOf } from '../../src/control/bounds.ts';
import { captureWish } from '../../src/control/capture/capture-request.ts';
import { fakeLogic } from './fake-logic.ts';
import { ChangeQueue } from '../../src/control/change-queue.ts';
import { TswitchError } from '../../src/control/errors.ts';
import type { Finding } from '../../src/control/doctor/finding.ts';
import { EventBus } from '../../src/control/events.ts';
import { SILENT } from '../../src/control/log.ts';
import { OFFLOAD_NAMES } from '../../src/control/model.ts';
import type {
  DropView,
  ExplainView,
  FdbEntryView,
  FdbFilter,
  PortStats,
  PortView,
  CaptureControl,
  RecordingControl,
  SwitchControl,
  SwitchSettings,
} from '../../src/control/model.ts';
import { applyPatch, asRequest, normalizePortRequest, type NormalPortRequest } from '../../src/control/port-request.ts';
import { settingsOf } from '../../src/control/port-record.ts';
import { RECORDING_LIMITS } from '../../src/control/recording/recording-bounds.ts';
import { SETTINGS_DEFAULT } from '../../src/control/settings.ts';
import { Configuration } from '../../src/control/wish/configuration.ts';
import { inOrder, wishedPort, type Wish } from '../../src/control/wish/wish.ts';

export function fakeStats(drops: Record<string, number> = {}): PortStats {
  return {
    rx: { frames: 3, bytes: 180, superFrames: 0, drops: 0 },
    tx: { frames: 2, bytes: 120, superFrames: 0, segments: 0, drops: 0 },
    mirrored: { frames: 0, bytes: 0, drops: 0 },
    drops,
  };
}

const DROPS: DropView[] = [
  {
    reason: 'NOT_A_MEMBER',
    sentence: 'tagged with a VID that the ingress port does not carry tagged',
    count: 4,
    samples: [
      {
        time: '2026-01-31T12:00:00.000Z',
        port: 'red',
        length: 64,
        bytes: 'ffffffffffff0200000000018100000a0806',
        summary: '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 p 0, ARP',
      },
    ],
  },
];

const FILTER_STATS = {
  frames: 7,
  decided: 1,
  sent: 0,
  copies: 0,
  faults: 0,
  drops: { NOT_ALLOWED: 1 },
  counters: { seen: 7 },
};

/** What becomes of a frame at `port`: one copy leaves by `b`, none by `c`; a frame that begins with 00 is dropped. */
function fakeExplanation(port: string, frame: string): ExplainView {
  const summary = `frame of ${frame.length / 2} bytes`;
  const admitted = { stage: 'admit' as const, verdict: 'accepted', text: 'whole header, individual source' };
  if (frame.startsWith('00')) {
    const dropped = { stage: 'vlan' as const, verdict: 'dropped', text: 'tagged with a VID that it does not carry' };
    const stages = [admitted, dropped];
    return { port, summary, outcome: 'dropped', reason: 'NOT_A_MEMBER', vlan: null, stages, egress: [] };
  }
  return {
    port,
    summary,
    outcome: 'flooded',
    reason: null,
    vlan: 10,
    stages: [admitted, { stage: 'destination', verdict: 'flooded', text: 'broadcast' }],
    egress: [
      { port: 'b', frame, summary: `copy of ${frame.length / 2} bytes`, reason: null, text: 'sent untagged, 60 bytes' },
      { port: 'c', frame: null, summary: null, reason: 'EGRESS_DOWN', text: 'the port is down' },
    ],
  };
}

/** There is nothing to be captured. */
function fakeCaptures(): CaptureControl {
  const absent = (id: string): never => {
    throw new TswitchError('CAPTURE_NOT_FOUND', `there is no capture ${id}`);
  };
  return {
    add: (request) => {
      captureWish(request);
      throw new TswitchError('LIMIT_REACHED', 'no frames here: nothing can be captured');
    },
    list: () => [],
    show: absent,
    read: async (id) => absent(id),
    stop: absent,
  };
}

/** There is nothing to be recorded. */
function fakeRecordings(): RecordingControl {
  const absent = (id: string): never => {
    throw new TswitchError('RECORDING_NOT_FOUND', `there is no recording ${id}`);
  };
  return {
    add: (request) => ({
      id: '9f86d081884c7d65',
      state: 'waiting',
      ...boundsOf(request, RECORDING_LIMITS),
      workers: 1,
      started: null,
      ended: null,
      reason: null,
      frames: 0,
      bytes: 0,
    }),
    list: () => [],
    show: absent,
    read: async (id) => absent(id),
    stop: async (id) => absent(id),
  };
}

/** Adding a port named `fault` throws what no request should cause, `gone` what the kernel would say. */
export function fakeControl(learned: FdbEntryView[] = []): SwitchControl {
  const ports = new Map<string, PortView>();
  const requests = new Map<string, NormalPortRequest>();
  const events = new EventBus();
  let fdb = learned;
  let settings: SwitchSettings = SETTINGS_DEFAULT;
  const port = (name: string): PortView => {
    const found = ports.get(name);
    if (!found) throw new TswitchError('PORT_NOT_FOUND', `there is no port ${name}`);
    return found;
  };
  const view = () => ({
    ...settings,
    workers: 1,
    ffi: 'koffi' as const,
    tapIo: 'io_uring' as const,
    version: '0.0.0',
    state: { file: null, generation: 0, problems: [] },
  });
  const without = (vlan: number, mac: string) => fdb.filter((entry) => entry.vlan !== vlan || entry.mac !== mac);
  const wish = (): Wish =>
    inOrder({
      switch: settings,
      ports: [...requests].map(([name, request]) =>
        wishedPort(request, port(name).mac, settingsOf({ ...request, ...port(name) }, port(name).mtu, true)),
      ),
      fdb: fdb.flatMap(({ mac, vlan, port: at, kind }) => (kind === 'dynamic' ? [] : [{ mac, vlan, port: at, kind }])),
      logics: logic.wished(),
    });
  const changes = new ChangeQueue();
  const logic = fakeLogic();
  const control: SwitchControl = {
    events,
    logic,
    captures: fakeCaptures(),
    recordings: fakeRecordings(),
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
        state: 'up',
        xdpMode: null,
        queues: null,
        blocked: null,
        protection: [],
        stats: fakeStats({ NOT_A_MEMBER: 4 }),
      };
      ports.set(added.name, added);
      requests.set(added.name, normal);
      events.emit('port.added', { port: added.name });
      return added;
    },
    patchPort: async (name, patch) => {
      const patched = { ...port(name), ...applyPatch(port(name), patch) };
      ports.set(name, patched);
      return patched;
    },
    removePort: async (name) => {
      ports.delete(port(name).name);
      requests.delete(name);
      events.emit('port.removed', { port: name });
    },
    addOwnedPort: ({ request }) => control.addPort(request),
    removeOwnedPort: async (name) => {
      if (ports.has(name)) await control.removePort(name);
    },
    ownedPortState: (name) => ports.get(name)?.state ?? null,
    vlans: () => [{ vlan: 10, ports: [...ports.keys()].map((name) => ({ name, tagged: false })) }],
    fdb: async (filter, { limit, cursor = '0' }) => {
      const found = fdb.filter((entry) => isAmong(entry, filter));
      const end = Number(cursor) + limit;
      const entries = found.slice(Number(cursor), end);
      return { entries, total: found.length, nextCursor: end < found.length ? String(end) : null };
    },
    addFdb: async ({ mac, port: name, vlan = port(name).vlan ?? 1, kind }) => {
      const entry = { mac, vlan, port: port(name).name, kind, ageSeconds: 0 };
      fdb = [...without(vlan, mac), entry];
      return entry;
    },
    removeFdb: async (vlan, mac) => {
      const rest = without(vlan, mac);
      if (rest.length === fdb.length) {
        throw new TswitchError('FDB_ENTRY_NOT_FOUND', `there is no entry ${mac} in VLAN ${vlan}`);
      }
      fdb = rest;
    },
    flushFdb: async (filter) => fdb.filter((entry) => isAmong(entry, { kind: 'dynamic', ...filter })).length,
    settings: view,
    patchSettings: async (patch) => {
      const reservedAddresses = { ...settings.reservedAddresses, ...patch.reservedAddresses };
      settings = { ...settings, ...patch, reservedAddresses };
      return view();
    },
    config: () => configuration.view(),
    configProblems: (draft) => configuration.problems(draft),
    applyConfig: (wanted, options) => configuration.apply(wanted, options),
    confirmConfig: (options) => configuration.confirm(options),
    stats: () => ({
      totals: { rx: 7, forwarded: 2, flooded: 1, floodCopies: 2, dropped: 4, tx: 4, txDropped: 0 },
      ports: Object.fromEntries([...ports].map(([name, { stats }]) => [name, stats])),
      drops: { NOT_A_MEMBER: 4 },
      logics: { filter: FILTER_STATS },
      workers: [{ worker: 0, state: 'asleep', restarts: 0, turns: 1 }],
    }),
    drops: () => DROPS,
    problems: () => [],
    fdbUsage: () => ({ entries: fdb.length, given: 0, limit: settings.fdbLimit, evictions: 0 }),
    explain: async ({ port: name, frame }) => fakeExplanation(port(name).name, frame.replace(/[:\s]/g, '')),
    examine: async (name) => [
      { port: null, check: 'kernel', verdict: 'ok', text: 'Linux 6.12', fix: null },
      ...(name === undefined ? [...ports.values()] : [port(name)]).map(({ name: of, admin }): Finding => {
        if (admin === 'up') return { port: of, check: 'small', verdict: 'ok', text: 'all pass', fix: null };
        return { port: of, check: 'small', verdict: 'broken', text: 'all are lost', fix: 'set it up' };
      }),
    ],
    close: async () => configuration.close(),
  };
  const configuration = new Configuration({
    changes,
    events,
    log: SILENT,
    hands: {
      wish,
      defaults: { offloads: () => [...OFFLOAD_NAMES], mtu: () => 1500 },
      machineProblems: async () => [],
      addPort: (request) => control.addPort(asRequest(request)),
      changePort: (name, patch) => control.patchPort(name, patch),
      removePort: (name) => control.removePort(name),
      setSwitch: (patch) => control.patchSettings(patch),
      giveEntry: (entry) => void control.addFdb(entry),
      removeEntry: ({ vlan, mac }) => void control.removeFdb(vlan, mac),
      lookAtLogics: async (wanted) => ({ logics: logic.lookAt(wanted), problems: [] }),
      setLogics: (wished) => logic.become(wished),
    },
  });
  return control;
}

function isAmong(entry: FdbEntryView, { mac, port, vlan, kind }: FdbFilter): boolean {
  const isOfPort = (port === undefined || entry.port === port) && (mac === undefined || entry.mac === mac);
  return isOfPort && (vlan === undefined || entry.vlan === vlan) && (kind === undefined || entry.kind === kind);
}
