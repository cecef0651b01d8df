/**
 * Whether a frame may leave by a port: what VLAN, state, isolation and tags say, whoever asks for it. What depends on the
 * ingress port alone is made ready once a batch, so that the answer for a frame is one AND of three sets.
 */
import type { Batch } from '../frame/batch.ts';
import * as dropReasons from './drop-reasons.ts';
import * as innerTag from './inner-tag.ts';
import * as portSet from './port-set.ts';
import { setBit } from './port-set.ts';
import * as portTable from './port-table.ts';
import type { PortTable } from './port-table.ts';
import { drop } from './verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { Drop } = dropReasons;
const { INNER_NONE } = innerTag;
const { PORT_SET_WORDS } = portSet;
const { MODE_ACCESS, SET_ISOLATED, SET_UP } = portTable;

export class Reach {
  /** The ports that frames of this batch may leave by, as far as the ingress port decides: up, not isolated from it, not it. */
  readonly candidates = new Int32Array(PORT_SET_WORDS);
  /** Whether frames of this batch keep their own tags inside the VLAN. */
  tunnelled = false;
  readonly #ports: PortTable;

  constructor(ports: PortTable) {
    this.#ports = ports;
  }

  begin(ingress: number): void {
    const { sets } = this.#ports;
    const isIsolated = this.#ports.isIn(SET_ISOLATED, ingress);
    for (let w = 0; w < PORT_SET_WORDS; w++) {
      const refused = isIsolated ? sets[SET_ISOLATED * PORT_SET_WORDS + w]! : 0;
      this.candidates[w] = sets[SET_UP * PORT_SET_WORDS + w]! & ~refused;
    }
    setBit(this.candidates, 0, ingress, false);
    this.tunnelled = this.#ports.tunnels(ingress);
  }

  /**
   * The egress port's handle, or the drop verdict that says why the frame may not leave by it.
   * @param inner the frame's inner tag (see inner-tag.ts)
   */
  verdict(batch: Batch, i: number, inner: number, egress: number): number {
    const { members, takesInner } = this.#ports;
    const w = egress >>> 5;
    const word =
      this.candidates[w]! & members[batch.vlan[i]! * PORT_SET_WORDS + w]! & takesInner[inner * PORT_SET_WORDS + w]!;
    return (word >>> (egress & 31)) & 1 ? egress : this.#refusal(batch, i, inner, egress);
  }

  #refusal(batch: Batch, i: number, inner: number, egress: number): number {
    const ports = this.#ports;
    if (egress === batch.ingress) return drop(Drop.HAIRPIN);
    if (!ports.carries(egress, batch.vlan[i]!)) return drop(Drop.EGRESS_NOT_A_MEMBER);
    if (!ports.isIn(SET_UP, egress)) return drop(Drop.EGRESS_DOWN);
    if (ports.isIn(SET_ISOLATED, batch.ingress) && ports.isIn(SET_ISOLATED, egress)) return drop(Drop.ISOLATED);
    return inner !== INNER_NONE && ports.mode[egress] === MODE_ACCESS
      ? drop(Drop.INNER_TAG)
      : drop(Drop.CVLAN_NOT_ALLOWED);
  }
}
