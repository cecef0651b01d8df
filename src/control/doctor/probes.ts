/** What the doctor sends through a port, and what its mode and MTU say must become of it. */
import { MTU_MAX } from '../../limits.ts';
import type { PortView } from '../model.ts';
import { isTrunk } from '../port-vlans.ts';
import { type Ends, type Framed, superFrame, toAddress, udpFrame } from './probe-frame.ts';

export interface Probe {
  /** The finding's name. */
  check: string;
  /** What is sent, in words that begin a sentence. */
  what: string;
  build: (ends: Ends, number: number) => Framed;
  /** What the switch must do; frames that are to be refused are sent one way only. */
  expected: 'passes' | 'is refused out' | 'is refused in';
}

const SHORTEST_IP_BYTES = 46;
const SEGMENTS = 4;
const TCP_HEADER_BYTES = 40;
const MTU_ETHERNET = 1500;
const LLDP = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e];
export const LLDP_TEXT = '01:80:c2:00:00:0e';
/** Any VID may lie inside another. */
const INNER_VID = 7;

/** Tags of frames that may enter the port and leave it. */
function tagsOf({ mode, vlan, trunks, cvlans }: PortView): number[] {
  if (mode === 'trunk') return [trunks[0] ?? 1];
  // It takes its native VLAN untagged too, but does not give it back so.
  if (mode === 'native-tagged' && vlan !== null) return [vlan];
  return mode === 'dot1q-tunnel' && cvlans.length > 0 ? [cvlans[0]!] : [];
}

/** @param forwardsReserved whether the switch is set to forward LLDP */
export function probesOf(port: PortView, forwardsReserved: boolean): Probe[] {
  const { mtu } = port;
  const tags = tagsOf(port);
  const segmentBytes = Math.min(mtu, MTU_ETHERNET) - TCP_HEADER_BYTES;
  const probes: Probe[] = [
    {
      check: 'small',
      what: 'frames of 60 bytes',
      build: (ends, number) => udpFrame(ends, tags, number, SHORTEST_IP_BYTES),
      expected: 'passes',
    },
    {
      check: mtu > MTU_ETHERNET ? 'jumbo' : 'mtu',
      what: `full-size frames of ${mtu} bytes`,
      build: (ends, number) => udpFrame(ends, tags, number, mtu),
      expected: 'passes',
    },
    {
      check: 'checksum',
      what: 'frames whose checksum the sender left to the device',
      build: (ends, number) => udpFrame(ends, tags, number, SHORTEST_IP_BYTES, true),
      expected: 'passes',
    },
    {
      check: 'super-frame',
      what: 'unsegmented TCP frames',
      build: (ends, number) => superFrame(ends, tags, number, SEGMENTS, segmentBytes),
      expected: 'passes',
    },
    ...taggedProbes(port),
    {
      check: 'reserved',
      what: `frames to ${LLDP_TEXT} (LLDP)`,
      build: (ends, number) => toAddress(LLDP, ends, tags, number),
      expected: forwardsReserved ? 'passes' : 'is refused in',
    },
  ];
  if (mtu < MTU_MAX) {
    probes.push({
      check: 'over MTU',
      what: `frames of ${mtu + 1} bytes`,
      build: (ends, number) => udpFrame(ends, tags, number, mtu + 1),
      expected: 'is refused out',
    });
  }
  return probes;
}

function taggedProbes({ mode, vlan, trunks, cvlans }: PortView): Probe[] {
  const tagged = (check: string, what: string, tags: number[], expected: Probe['expected']): Probe => {
    return { check, what, build: (ends, number) => udpFrame(ends, tags, number, SHORTEST_IP_BYTES), expected };
  };
  if (mode === 'access') {
    const vid = vlan === 1 ? 2 : 1;
    return [tagged('tagged', `frames tagged with VLAN ${vid}`, [vid], 'is refused in')];
  }
  // The native VLAN of a native-untagged port leaves untagged, whatever it came with.
  const others = trunks.filter((vid) => vid !== vlan);
  const vid = isTrunk(mode) ? (others[0] ?? (trunks.length === 0 ? (vlan === 2 ? 3 : 2) : vlan)) : (cvlans[0] ?? 2);
  if (vid === null || (mode === 'native-untagged' && vid === vlan)) return [];
  return [
    tagged('tagged', `frames tagged with VLAN ${vid}`, [vid], 'passes'),
    tagged('two tags', `frames with tags ${vid} and ${INNER_VID}`, [vid, INNER_VID], 'passes'),
  ];
}
