/** Loaded logics in a data path: what they can do, what contains them when they fail, and that nothing is lost. */
import { describe, expect, test } from 'vitest';
import { LOGIC_FAULTS_MAX } from '../../src/datapath/logic-runner.ts';
import { DEFER, defineLogic, FLOOD, type Frame, keyed, rows } from '../../src/sdk/logic.ts';
import { frame, mac, type Sandbox, sandbox, tcp, udp } from '../../src/sdk/sandbox.ts';
import type { AnyLogic, LogicSetup } from '../../src/switching/logic.ts';

const PORTS = ['a', 'b', 'c'];

/** A logic that decides each frame so. */
function each(decide: (frame: Frame, setup: LogicSetup) => unknown, more: Partial<AnyLogic> = {}): AnyLogic {
  return {
    name: 'each',
    description: 'for tests',
    create: (setup: LogicSetup) => ({ frame: (seen: Frame) => decide(seen, setup) as number }),
    ...more,
  };
}

function expectBalanced(lan: Sandbox): void {
  const { taken, accounted, copies, left } = lan.balance();
  expect([accounted, left]).toEqual([taken, copies]);
}

describe('verdicts', () => {
  const own = { drops: { UNWANTED: 'nobody wants it' } };
  test.each<[string, AnyLogic, string]>([
    ['to a port', each((_, { ports }) => ports.handleOf('c')), 'c'],
    ['a flood', each(() => FLOOD), 'b c'],
    ['left to learning', each(() => DEFER), 'b c'],
    ['a reason of its own', each((_, { drop }) => drop['UNWANTED'], own), 'drop UNWANTED'],
    ['back to where it came from', each((seen) => seen.ingress), 'drop HAIRPIN'],
  ])('%s', (_, logic, outcome) => {
    const lan = sandbox({ ports: PORTS, logic });
    expect(lan.outcome('a', frame())).toBe(outcome);
    expect(lan.faults).toEqual([]);
    expectBalanced(lan);
  });

  test('a port that does not carry the VLAN, is isolated or down is no way out', () => {
    const ports = { a: { isolated: true }, b: { vlan: 2 }, c: { isolated: true }, d: { up: false } };
    const to = (name: string): AnyLogic => each((_, setup) => setup.ports.handleOf(name));
    const outcomes = Object.keys(ports).map((name) => sandbox({ ports, logic: to(name) }).outcome('a', frame()));
    expect(outcomes).toEqual(['drop HAIRPIN', 'drop EGRESS_NOT_A_MEMBER', 'drop ISOLATED', 'drop EGRESS_DOWN']);
  });

  test('one that decides batches leaves alone what was refused at the door', () => {
    const logic: AnyLogic = {
      name: 'batch',
      description: 'floods',
      create: () => ({
        decide: ({ verdict, count }) => {
          for (let i = 0; i < count; i++) if (verdict[i] === DEFER) verdict[i] = FLOOD;
        },
      }),
    };
    const lan = sandbox({ ports: PORTS, logic });
    const sent = lan.sendAll('a', [frame(), frame().subarray(0, 9), frame({ tags: [7] }), frame({ src: mac(2) })]);
    expect([...sent].map(([port, frames]) => [port, frames.length])).toEqual([
      ['b', 2],
      ['c', 2],
    ]);
    expect(lan.drops()).toEqual({ RUNT: 1, NOT_A_MEMBER: 1 });
    expect(lan.counts()).toMatchObject({ frames: 2, decided: 2, faults: 0 });
  });
});

describe('what a frame shows', () => {
  test('its fields', () => {
    let fields: unknown[] = [];
    const logic = each((seen) => {
      fields = [seen.vlan, seen.priority, seen.length, seen.etherType, seen.isGroup, seen.ipVersion, seen.protocol];
      fields.push(
        seen.sourcePort,
        seen.destinationPort,
        seen.ipv4Source,
        seen.sourceHigh,
        seen.sourceLow,
        seen.byte(9999),
      );
      return DEFER;
    });
    const lan = sandbox({ ports: { a: { mode: 'trunk', vlan: 0 }, b: { vlan: 10 } }, logic });
    const bytes = udp({ src: mac(5), tags: [10], sourceIp: '10.1.2.3', payload: new Uint8Array(30) });
    bytes[14] = 0xa0;
    lan.send('a', bytes);
    expect(fields).toEqual([10, 5, 72, 0x800, true, 4, 17, 1024, 9, 0x0a010203, 0x0200, 5, 0]);
  });
});

test('what a frame shows of IPv6, and of what its sender left to the device', () => {
  let fields: unknown[] = [];
  const logic = each((seen) => {
    const addresses = [0, 3, 4].flatMap((word) => [seen.ipv6Source(word), seen.ipv6Destination(word)]);
    fields = [seen.ipVersion, ...addresses, seen.isSuperFrame, seen.segmentSize, seen.needsChecksum];
    return DEFER;
  });
  const lan = sandbox({ ports: PORTS, logic });
  const payload = new Uint8Array(48);
  payload.set([0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 1, 0x0d, 0xb8], 0);
  payload.set([0, 0, 0, 1, 0xfe, 0x80, 0, 0], 20);
  payload.set([0, 0, 0, 2, 0, 7, 0, 9, 0, 8], 36);
  lan.send('a', frame({ etherType: 0x86dd, payload }));
  expect(fields).toEqual([6, 0x20010db8, 0xfe800000 | 0, 1, 2, 0, 0, false, 0, false]);
  // csum_start 34, csum_offset 16; TCP over IPv4 in segments of 1000 bytes.
  const header = Uint8Array.of(1, 1, 54, 0, 0xe8, 3, 34, 0, 16, 0);
  lan.send('a', tcp({ payload: new Uint8Array(3000) }), header);
  expect(fields).toEqual([4, 0, 0, 0, 0, 0, 0, true, 1000, true]);
});

describe('scope', () => {
  const own = { drops: { NO: 'not for anybody' } };
  const refuse = each((_, { drop }) => drop['NO'], own);
  test('ports and VLANs', () => {
    const ports = { a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 20 }, d: { vlan: 20 } };
    const outcomes = (scope: { ports?: string[]; vlans?: number[] }): string[] => {
      const lan = sandbox({ ports, logic: { logic: refuse, scope } });
      return Object.keys(ports).map((port) => lan.outcome(port, frame()));
    };
    expect(outcomes({ ports: ['a', 'gone'] })).toEqual(['drop NO', 'a', 'd', 'c']);
    expect(outcomes({ vlans: [20] })).toEqual(['b', 'a', 'drop NO', 'drop NO']);
    expect(outcomes({ ports: ['c'], vlans: [10] })).toEqual(['b', 'a', 'd', 'c']);
  });

  test('several are asked in turn, each for what is left', () => {
    const first = each((seen, { drop }) => (seen.etherType === 0x1111 ? drop['NO'] : DEFER), own);
    const second = each((_, { ports }) => ports.handleOf('c'), { name: 'second' });
    const lan = sandbox({ ports: PORTS, logic: [{ logic: first }, { logic: second }] });
    expect(lan.outcome('a', frame({ etherType: 0x1111 }))).toBe('drop NO');
    expect(lan.outcome('a', frame())).toBe('c');
    expect([lan.counts(0).frames, lan.counts(1).frames]).toEqual([2, 1]);
  });
});

describe('what it sends beside verdicts', () => {
  test('copies, and frames of its own, tagged as the port sends the VLAN', () => {
    const mine = frame({ src: mac(9), dst: mac(1) });
    const logic = each((seen, { sender, ports }) => {
      seen.copyTo(ports.handleOf('b'));
      seen.mirrorTo(ports.handleOf('watch'));
      expect(seen.copyTo(ports.handleOf('watch'))).toBe(false);
      expect(sender.send(seen.ingress, 10, mine)).toBe(true);
      expect(sender.send(ports.handleOf('trunk'), 10, mine)).toBe(true);
      expect(sender.send(ports.handleOf('watch'), 10, mine)).toBe(false);
      return ports.handleOf('trunk');
    });
    const ports = { a: { vlan: 10 }, b: { vlan: 10 }, watch: { vlan: 99 }, trunk: { mode: 'trunk' as const, vlan: 0 } };
    const lan = sandbox({ ports, logic });
    const bytes = frame();
    expect(lan.send('a', bytes)).toEqual(
      new Map([
        ['a', [mine]],
        ['b', [bytes]],
        ['watch', [bytes]],
        ['trunk', [frame({ tags: [10] }), frame({ src: mac(9), dst: mac(1), tags: [10] })]],
      ]),
    );
    expect(lan.counts()).toMatchObject({ copies: 2, sent: 2, refused: 2, faults: 0 });
    expectBalanced(lan);
  });

  test('what is too much is refused, not lost count of', () => {
    let refused = 0;
    const logic = each((seen, { sender }) => {
      for (let k = 0; k < 20; k++) {
        if (!seen.mirrorTo(1)) refused++;
        if (!sender.send(1, 1, frame())) refused++;
      }
      return DEFER;
    });
    const lan = sandbox({ ports: PORTS, logic });
    lan.sendAll(
      'a',
      Array.from({ length: 100 }, () => frame()),
    );
    expect(refused).toBe(100 * 40 - 1024 - 64);
    expect(lan.counts().refused).toBe(refused);
    expectBalanced(lan);
  });
});

describe('state, time and chance', () => {
  test('tables are carried over to a new version that says so, and only there', () => {
    const version = (carried: boolean, columns = ['seen']): AnyLogic =>
      defineLogic({
        name: 'counting',
        description: 'counts',
        tables: { hosts: keyed({ rows: 10, columns, carried }), ports: rows({ rows: 4, columns: ['n'] }) },
        counters: { known: 'frames of known hosts' },
        create: ({ tables: { hosts }, counters }) => ({
          frame: (seen) => {
            if (hosts.find(0, seen.sourceLow) >= 0) counters.known.add();
            hosts.insert(0, seen.sourceLow);
            return DEFER;
          },
        }),
      });
    const lan = sandbox({ ports: PORTS, logic: version(true) });
    const known = (logic: AnyLogic): number => {
      lan.use(logic);
      lan.send('a', frame());
      return lan.counters()['known']!;
    };
    expect([known(version(true)), known(version(true))]).toEqual([0, 1]);
    expect([known(version(true, ['other'])), known(version(false, ['other']))]).toEqual([0, 0]);
  });

  test('ticks come when they are due, and may send', () => {
    const at: number[] = [];
    const logic: AnyLogic = {
      name: 'ticking',
      description: 'sends a frame each second',
      tickMs: 1000,
      create: ({ sender, clock }: LogicSetup) => ({
        frame: () => DEFER,
        tick: () => {
          at.push(clock.ms);
          sender.send(0, 1, frame());
        },
      }),
    };
    const lan = sandbox({ ports: PORTS, logic });
    expect(lan.advance(3000).get('a')).toHaveLength(at.length);
    expect(at.length).toBe(3);
    expect(at[2]! - at[1]!).toBe(1000);
    expectBalanced(lan);
  });

  test('the same seed gives the same numbers, another one others', () => {
    const numbers = (seed: number): number[] => {
      const drawn: number[] = [];
      const lan = sandbox({ ports: PORTS, seed, logic: each((_, { random }) => (drawn.push(random.next()), DEFER)) });
      lan.sendAll('a', [frame(), frame()]);
      return drawn;
    };
    expect(numbers(5)).toEqual(numbers(5));
    expect(numbers(5)).not.toEqual(numbers(6));
  });

  test('parameters have defaults, and wrong ones are refused', () => {
    const logic = defineLogic({
      name: 'limited',
      description: 'has a limit',
      params: (z) => z.object({ limit: z.int().min(1).default(3) }),
      counters: { sum: 'limits added up' },
      create: ({ params, counters }) => ({ frame: () => (counters.sum.add(params.limit), DEFER) }),
    });
    const lan = sandbox({ ports: PORTS, logic });
    lan.send('a', frame());
    expect(lan.counters()).toEqual({ sum: 3 });
    expect(() => sandbox({ ports: PORTS, logic, params: { limit: 0 } })).toThrow(/limit/);
  });
});

describe('faults are contained: learning decides, and nothing is lost', () => {
  test.each<[string, string, AnyLogic]>([
    [
      'it throws',
      'throw',
      each(() => {
        throw new Error('my own fault');
      }),
    ],
    [
      'it throws no Error',
      'throw',
      each(() => {
        throw Object.create(null) as Error;
      }),
    ],
    ['no verdict', 'verdict', each(() => undefined)],
    ['a verdict that is no integer', 'verdict', each(() => 0.5)],
    ['a port that is not there', 'verdict', each(() => 200)],
    ['a reason that is not there', 'verdict', each(() => 4096)],
    ['a negative verdict', 'verdict', each(() => -7)],
    ['a VLAN that is none', 'throw', each((seen) => (seen.setVlan(4095), DEFER))],
    ['a VLAN written past the check', 'frame', each((seen) => ((seen.batch.vlan[seen.index] = 0), DEFER))],
    ['another length', 'frame', each((seen) => ((seen.batch.length[seen.index] = 9999), DEFER))],
    ['another place', 'frame', each((seen) => ((seen.batch.offset[seen.index] = 3), DEFER))],
  ])('%s', (_, kind, logic) => {
    const lan = sandbox({ ports: PORTS, logic });
    lan.send('b', frame({ src: mac(2) }));
    expect(lan.outcome('a', frame({ src: mac(1), dst: mac(2) }))).toBe('b');
    expect(lan.faults.at(-1)).toMatchObject({ kind, ingress: 0 });
    expect(lan.faults.at(-1)!.frame?.subarray(0, 12)).toEqual(frame({ src: mac(1), dst: mac(2) }).subarray(0, 12));
    expectBalanced(lan);
  });

  test('what it sent and decided before it threw is taken back', () => {
    const logic = each((seen, { sender }) => {
      sender.send(2, 1, frame());
      seen.mirrorTo(2);
      if (seen.index === 1) throw new Error('at the second');
      return seen.ingress;
    });
    const lan = sandbox({ ports: PORTS, logic });
    const sent = lan.sendAll('a', [frame(), frame()]);
    expect([...sent].map(([port, frames]) => [port, frames.length])).toEqual([
      ['b', 2],
      ['c', 2],
    ]);
    expect(lan.faults[0]!.stack).toContain('logic.test.ts');
    expectBalanced(lan);
  });

  test('a batch that takes too long is put back', () => {
    const logic = each(() => {
      const end = performance.now() + 60;
      while (performance.now() < end);
      return 2;
    });
    const lan = sandbox({ ports: PORTS, logic, batchMsMax: 50 });
    expect(lan.outcome('a', frame())).toBe('b c');
    expect(lan.faults).toMatchObject([{ kind: 'overrun' }]);
  });

  test('who fails too often is asked no more; who fails now and then goes on', () => {
    let asked = 0;
    const logic = each(() => {
      asked++;
      throw new Error('again');
    });
    const lan = sandbox({ ports: PORTS, logic });
    for (let k = 0; k < LOGIC_FAULTS_MAX + 5; k++) expect(lan.outcome('a', frame())).toBe('b c');
    expect(asked).toBe(LOGIC_FAULTS_MAX);
    const seldom = sandbox({ ports: PORTS, logic });
    for (let k = 0; k < LOGIC_FAULTS_MAX + 5; k++) {
      seldom.send('a', frame());
      seldom.advance(2000);
    }
    expect(asked).toBe(2 * LOGIC_FAULTS_MAX + 5);
  });

  test('a batch logic that gives a verdict to what was refused at the door', () => {
    const logic: AnyLogic = {
      name: 'greedy',
      description: 'floods all',
      create: () => ({ decide: ({ verdict, count }) => verdict.fill(FLOOD, 0, count) }),
    };
    const lan = sandbox({ ports: PORTS, logic });
    expect(lan.outcome('a', frame({ tags: [7] }))).toBe('drop NOT_A_MEMBER');
    // It is not even asked for such a batch.
    expect(lan.faults).toEqual([]);
    lan.sendAll('a', [frame({ tags: [7] }), frame()]);
    expect(lan.faults).toMatchObject([{ kind: 'verdict', message: expect.stringContaining('decided already') }]);
    expect(lan.drops()).toEqual({ NOT_A_MEMBER: 2 });
  });
});

describe('in shadow', () => {
  const toC = each((seen, { ports }) => (seen.etherType === 0x1111 ? ports.handleOf('c') : DEFER));

  test('nothing changes, and what would is told with both reasons', () => {
    const refuse = each((seen, { drop }) => (seen.etherType === 0x2222 ? drop['NO'] : DEFER), { drops: { NO: 'no' } });
    const lan = sandbox({ ports: PORTS, logic: [{ logic: toC }, { logic: refuse, isShadow: true }] });
    expect(lan.outcome('a', frame({ etherType: 0x1111 }))).toBe('c');
    expect(lan.outcome('a', frame({ etherType: 0x2222 }))).toBe('b c');
    expect(lan.outcome('a', frame())).toBe('b c');
    expect(lan.counts(1)).toMatchObject({ compared: 3, different: 2, faults: 0 });
    expect(lan.differences).toMatchObject([
      { ingress: 0, vlan: 1, live: 'forward to #2', shadow: 'flood' },
      { ingress: 0, vlan: 1, live: 'flood', shadow: 'drop NO' },
    ]);
    expectBalanced(lan);
  });

  test('the same verdict with other bytes is a difference, told by the bytes', () => {
    const to = (low: number): AnyLogic => each((seen) => (seen.setDestination(0x0200, low), FLOOD));
    const lan = sandbox({ ports: PORTS, logic: [{ logic: to(0x77) }, { logic: to(0x7788), isShadow: true }] });
    lan.send('a', frame({ payload: new Uint8Array(46) }));
    lan.send('a', frame({ payload: new Uint8Array(1500) }));
    const bytes = { at: 4, live: Uint8Array.of(0, 0x77), shadow: Uint8Array.of(0x77, 0x88) };
    const difference = { live: 'flood', shadow: 'flood', bytes };
    expect(lan.differences).toMatchObject([difference, difference]);
    expect(lan.counts(1)).toMatchObject({ compared: 2, different: 2 });
  });

  test.each([46, 61, 300, 1500])('one byte at the end of %d is enough', (length) => {
    const mark = (value: number): AnyLogic =>
      each((seen) => ((seen.bytes[seen.offset + seen.length - 1] = value), DEFER));
    const lan = sandbox({ ports: PORTS, logic: [{ logic: mark(1) }, { logic: mark(2), isShadow: true }] });
    lan.sendAll('a', [frame({ payload: new Uint8Array(length) }), frame({ payload: new Uint8Array(length) })]);
    const bytes = { at: 14 + length - 1, live: Uint8Array.of(1), shadow: Uint8Array.of(2) };
    expect(lan.differences).toMatchObject([{ bytes }, { bytes }]);
  });

  test('what a frame is dropped with is no difference, nor what another logic writes before it', () => {
    const marked = each((seen, { drop }) => ((seen.bytes[seen.offset + 20] = 1), drop['NO']), { drops: { NO: 'no' } });
    const refused = each((_, { drop }) => drop['NO'], { drops: { NO: 'no' } });
    const lan = sandbox({ ports: PORTS, logic: [{ logic: marked }, { logic: refused, isShadow: true }] });
    lan.send('a', frame());
    expect(lan.counts(1)).toMatchObject({ compared: 1, different: 0 });
    const first = each((seen) => (seen.setDestination(0x0200, 7), DEFER), { name: 'first' });
    const two = sandbox({ ports: PORTS, logic: [{ logic: first }, { logic: each(() => DEFER), isShadow: true }] });
    two.send('a', frame());
    expect(two.counts(1)).toMatchObject({ compared: 1, different: 0 });
  });

  test('a reason is that of whoever dropped the frame', () => {
    const refusing = (name: string, reason: string): AnyLogic =>
      each((_, { drop }) => drop[reason], { name, drops: { [reason]: 'no' } });
    const logic = [
      { logic: each(() => DEFER) },
      { logic: refusing('last', 'LAST') },
      { logic: refusing('each', 'MINE'), isShadow: true },
    ];
    const lan = sandbox({ ports: PORTS, logic });
    lan.send('a', frame());
    expect(lan.differences).toMatchObject([{ live: 'drop LAST', shadow: 'drop MINE', bytes: null }]);
  });

  test('rewriting, sending and learning of it touch nothing', () => {
    const meddling = each((seen, { sender, fdb }) => {
      seen.setDestination(0x0200, 77);
      seen.bytes.fill(0, seen.offset, seen.offset + seen.length);
      sender.send(1, 1, frame());
      seen.mirrorTo(2);
      fdb.learn(1 << 16, 99, 2, 0);
      return DEFER;
    });
    const lan = sandbox({ ports: PORTS, logic: { logic: meddling, isShadow: true } });
    lan.send('b', frame({ src: mac(2) }));
    const bytes = frame({ src: mac(1), dst: mac(2) });
    expect(lan.send('a', bytes)).toEqual(new Map([['b', [bytes]]]));
    expectBalanced(lan);
  });

  test('one that fails is counted, and suspended, beside the traffic', () => {
    const failing = each(() => {
      throw new Error('in shadow');
    });
    const lan = sandbox({ ports: PORTS, logic: { logic: failing, isShadow: true } });
    for (let k = 0; k < 20; k++) expect(lan.outcome('a', frame())).toBe('b c');
    expect(lan.faults).toHaveLength(LOGIC_FAULTS_MAX);
  });

  test('long frames and super-frames are compared too', () => {
    let longest = 0;
    const logic = each((seen) => ((longest = Math.max(longest, seen.length)), DEFER));
    const lan = sandbox({ ports: PORTS, logic: { logic, isShadow: true } });
    lan.sendAll('a', [frame({ payload: new Uint8Array(1500) }), frame({ payload: new Uint8Array(60_000) })]);
    expect(longest).toBe(60_014);
    expect(lan.counts()).toMatchObject({ compared: 2, different: 0 });
  });

  test('sees every byte of frames of all lengths, wherever they lie', () => {
    const seen: string[] = [];
    const logic = each((it) => {
      seen.push(Buffer.from(it.bytes.subarray(it.offset, it.offset + it.length)).toString('hex'));
      return DEFER;
    });
    const lan = sandbox({ ports: PORTS, logic: { logic, isShadow: true } });
    const frames = Array.from({ length: 250 }, (_, k) => {
      return frame({
        src: mac(k + 1),
        payload: Uint8Array.from({ length: 46 + k }, (_unused, b) => (b * 31 + k) & 255),
      });
    });
    lan.sendAll('a', frames);
    expect(seen).toEqual(frames.map((bytes) => Buffer.from(bytes).toString('hex')));
  });
});
