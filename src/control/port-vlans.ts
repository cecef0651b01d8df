/** What a request for a port says of VLANs, by the port's mode. */
import { VID_MAX, VID_MIN } from '../limits.ts';
import { refuse } from './attempt.ts';
import { PORT_MODES } from './model.ts';
import type { PortMode, PortSettings } from './model.ts';

interface WishedVlans {
  vlan?: number | null;
  trunks?: number[];
  cvlans?: number[];
}

/** The modes that carry more than the one VLAN in `vlan`. */
export function isTrunk(mode: PortMode): boolean {
  return mode === 'trunk' || mode === 'native-tagged' || mode === 'native-untagged';
}

/** Mode, VLANs as `wished`, else from `otherwise` as far as the mode has a use for them. */
export function vlansOf(
  wished: WishedVlans,
  otherwise: { vlan: number; trunks: number[]; cvlans: number[] },
  mode: PortMode,
): Pick<PortSettings, 'mode' | 'vlan' | 'trunks' | 'cvlans'> {
  if (!PORT_MODES.includes(mode)) refuse(`mode: must be one of ${PORT_MODES.join(', ')}`);
  const vlan = wished.vlan === undefined ? (mode === 'trunk' ? null : otherwise.vlan) : wished.vlan;
  const trunks = wished.trunks ?? (isTrunk(mode) ? otherwise.trunks : []);
  const cvlans = wished.cvlans ?? (mode === 'dot1q-tunnel' ? otherwise.cvlans : []);
  if (mode === 'trunk' && vlan !== null) {
    refuse('vlan: mode trunk has none; list its VIDs in trunks, or take mode native-tagged or native-untagged');
  }
  if (mode !== 'trunk' && vlan === null) refuse(`vlan: mode ${mode} needs one, ${VID_MIN} to ${VID_MAX}`);
  if (!isTrunk(mode) && trunks.length > 0) {
    refuse(`trunks: mode ${mode} carries one VLAN only; take mode trunk, native-tagged or native-untagged`);
  }
  if (mode !== 'dot1q-tunnel' && cvlans.length > 0) {
    refuse(`cvlans: mode ${mode} has no customer VLANs; take mode dot1q-tunnel`);
  }
  if (vlan !== null) checkVid(vlan, 'vlan');
  for (const vid of trunks) checkVid(vid, 'trunks');
  for (const vid of cvlans) checkVid(vid, 'cvlans');
  return { mode, vlan, trunks: ascending(trunks), cvlans: ascending(cvlans) };
}

function ascending(vids: number[]): number[] {
  return [...new Set(vids)].sort((a, b) => a - b);
}

function checkVid(vid: number, field: string): void {
  if (!Number.isInteger(vid) || vid < VID_MIN || vid > VID_MAX) {
    refuse(`${field}: ${vid} is no VLAN ID; take ${VID_MIN} to ${VID_MAX}`);
  }
}
