/** Malformed frames through real ports of every kind and mode: no worker stumbles, every frame is counted, none leaks. */
import { afterEach, expect, test } from 'vitest';
import { ETH_P_ALL } from '../../native-bindings/abi/if-packet.ts';
import type { PortKind, PortRequest } from '../../src/control/model.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, sleep, until } from '../support/lab.ts';
import { MalformedFrames } from '../support/malformed-frames.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { TapPeer } from '../support/tap-peer.ts';

/** Taken by the switch: of those that are sent, the kernel keeps about half. */
const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 1_000_000 : 100_000;
/** Of each sender in turn, then the switch gets the time for them: of long frames, a ring holds no more than 60. */
const FRAMES_PER_TURN = 6;
const SEED = 20_260_801;
const SOURCE_AT = 6;
const SENDER_AT = 10;

const lab = new Lab();
afterEach(() => lab.close());

type Settings = Omit<PortRequest, 'name' | 'kind' | 'netns'>;

/** These carry VLAN 10 and no other, in every mode. */
const SENDERS: [string, PortKind, Settings][] = [
  ['access', 'veth', { vlan: 10 }],
  ['isolated', 'packet', { vlan: 10, isolated: true }],
  ['trunk', 'veth', { mode: 'trunk', trunks: [10] }],
  ['tagged', 'tap', { mode: 'native-tagged', vlan: 10, trunks: [10] }],
  ['untagged', 'veth', { mode: 'native-untagged', vlan: 10, trunks: [10], priorityTags: 'always' }],
  ['tunnel', 'packet', { mode: 'dot1q-tunnel', vlan: 10, tpid: '0x8100' }],
  ['clear', 'veth', { mode: 'transparent', vlan: 10 }],
  ['plain', 'veth', { vlan: 10, offloads: [] }],
];
const ISOLATED = 1;
/** And these VLAN 20. */
const STRANGERS: [string, PortKind, Settings][] = [
  ['s-access', 'veth', { vlan: 20 }],
  ['s-trunk', 'packet', { mode: 'trunk', trunks: [20] }],
  ['s-tagged', 'veth', { mode: 'native-tagged', vlan: 20, trunks: [20] }],
  ['s-untagged', 'tap', { mode: 'native-untagged', vlan: 20, trunks: [20] }],
  ['s-tunnel', 'veth', { mode: 'dot1q-tunnel', vlan: 20 }],
  ['s-clear', 'veth', { mode: 'transparent', vlan: 20 }],
];

/** A listener on the far end: hears the frames of this test, and forgets each at once. */
class Ear {
  readonly socket: RawSocket;
  readonly #isWrong: (frameBytes: Buffer) => boolean;
  heard = 0;
  wrong = '';

  constructor(host: Host, isWrong: (frameBytes: Buffer) => boolean) {
    this.socket = host.inside(() => RawSocket.open('eth0', { protocol: ETH_P_ALL }));
    lab.defer(() => this.socket.close());
    this.#isWrong = isWrong;
  }

  listen(): void {
    const { received } = this.socket;
    for (let length = this.socket.receive(); length > 0; length = this.socket.receive()) {
      if (!isOfTest(received)) continue;
      this.heard++;
      if (this.#isWrong(received)) this.wrong ||= received.toString('hex', 0, Math.min(length, 100));
    }
  }
}

test(`${FRAMES} malformed frames`, { timeout: 180_000 + FRAMES }, async () => {
  const lan = await lab.switch();
  const plug = async ([label, kind, settings]: [string, PortKind, Settings]): Promise<Host> => {
    const host = await lab.netns(label, { ipv6: false });
    await lab.plug(lan, host, kind, { mtu: 9000, ...settings });
    return host;
  };
  const ears: Ear[] = [];
  const senders: ((bytes: Uint8Array) => boolean)[] = [];
  for (const sender of SENDERS) {
    const host = await plug(sender);
    const socket = host.inside(() => RawSocket.open('eth0', { protocol: 0, vnetHeader: true, bypassQdisc: true }));
    lab.defer(() => socket.close());
    senders.push((bytes) => socket.send(bytes) > 0);
  }
  senders.push(await hypervisor());
  const strangers: Ear[] = [];
  for (const stranger of STRANGERS) strangers.push(new Ear(await plug(stranger), () => true));
  const member = new Ear(await plug(['member', 'veth', { vlan: 10 }]), () => false);
  // Isolated as the second sender is: it hears the others, and never that one.
  const isolated = new Ear(await plug(['secluded', 'veth', { vlan: 10, isolated: true }]), isFromIsolated);
  ears.push(...strangers, member, isolated);

  /** A TAP that a hypervisor feeds, as a port of kind `packet`. */
  async function hypervisor(): Promise<(bytes: Uint8Array) => boolean> {
    const netdev = lab.netdevName();
    const peer = TapPeer.open(netdev, 0);
    lab.defer(() => peer.close());
    await ip('link', 'set', netdev, 'mtu', '9000', 'up');
    await lan.addPort({ name: 'hypervisor', kind: 'packet', netdev, vlan: 10 });
    peer.read(() => {});
    return (bytes) => peer.offer(bytes);
  }

  const malformed = new MalformedFrames(SEED);
  let made = 0;
  let accepted = 0;
  while (lan.stats().totals.rx < FRAMES) {
    for (const [sender, send] of senders.entries()) {
      for (let k = 0; k < FRAMES_PER_TURN; k++, made++) {
        const length = malformed.next(sender);
        if (send(malformed.bytes.subarray(0, length))) accepted++;
      }
    }
    await new Promise(setImmediate);
    for (const ear of ears) ear.listen();
  }
  await expectBalance(lan);
  await sleep(50);
  for (const ear of ears) ear.listen();

  const { totals, drops, workers } = lan.stats();
  console.log(
    `the kernel let ${accepted} of ${made} through, ${totals.rx} were taken, a member of the VLAN got ${member.heard}; ` +
      JSON.stringify(drops),
  );
  expect(workers.map(({ restarts }) => restarts)).toEqual([0]);
  expect(ears.map(({ wrong }) => wrong)).toEqual(ears.map(() => ''));
  expect(strangers.map(({ heard }) => heard)).toEqual(strangers.map(() => 0));
  expect(member.heard).toBeGreaterThan(totals.rx / 10);
  expect(isolated.heard).toBeGreaterThan(0);
  expect(isolated.heard).toBeLessThan(member.heard);
  for (const reason of ['TRUNCATED_TAG', 'SOURCE_NOT_UNICAST', 'VID_RESERVED', 'BAD_OFFLOAD', 'OVER_MTU']) {
    expect(drops, reason).toHaveProperty(reason);
  }

  // Whoever was silent is not deaf.
  strangers[0]!.socket.send(frame({ src: mac(1), dst: BROADCAST }));
  await until('the strangers to hear each other', () => {
    for (const ear of strangers) ear.listen();
    return strangers.slice(1).every(({ heard }) => heard === 1);
  });
  await expectBalance(lan);
});

/** Hosts speak on a link of kind `packet` by themselves; none of them has such an address. */
function isOfTest(frameBytes: Buffer): boolean {
  const middle = frameBytes.readUIntBE(SOURCE_AT + 1, 3);
  return middle === 0 || middle === 0xffffff;
}

function isFromIsolated(frameBytes: Buffer): boolean {
  return frameBytes[SOURCE_AT] === 0x02 && frameBytes[SENDER_AT] === ISOLATED;
}
