/** What a switch does to become what is wished: each of these is part of a change. */
import type { Logics } from '../logic/logics.ts';
import { lookAtLogics, type LogicsLook } from '../logic/look.ts';
import type { MacTable } from '../mac-table.ts';
import type { PortPatch, SwitchPatch, SwitchSettings } from '../model.ts';
import { asRequest, type NormalPortRequest } from '../port-request.ts';
import type { Owner } from '../plumbing/ownership.ts';
import type { Ports } from '../ports.ts';
import type { MachineDefaults } from './complete.ts';
import { machineProblems } from './machine-problems.ts';
import type { Problem } from './problem.ts';
import { inOrder, type LogicWish, type Wish, wishedPort, type WishedEntry, type WishedLogic } from './wish.ts';

/**
 * `restoring`: something that was so before is put back. A port that cannot be attached is lost then, and comes back by
 * itself; an entry may stand in a VLAN that its port does not carry; a logic that cannot be loaded is told as missing.
 */
export interface Hands {
  /** What is wished now. */
  wish(): Wish;
  defaults: MachineDefaults;
  /** See machine-problems.ts. */
  machineProblems(
    added: readonly { port: NormalPortRequest; index: number }[],
    removed: readonly NormalPortRequest[],
  ): Promise<Problem[]>;
  addPort(request: NormalPortRequest, restoring: boolean): Promise<unknown>;
  /** @param createNetns undefined: as it is */
  changePort(name: string, patch: PortPatch, createNetns: boolean | undefined): Promise<unknown>;
  removePort(name: string): Promise<void>;
  setSwitch(patch: SwitchPatch): Promise<unknown>;
  giveEntry(entry: WishedEntry, restoring: boolean): void;
  removeEntry(entry: WishedEntry): void;
  /** Loads their files where nobody asks them, and checks them as `tswitch logic load` does. */
  lookAtLogics(wanted: readonly LogicWish[]): Promise<LogicsLook>;
  setLogics(logics: readonly WishedLogic[], restoring: boolean): Promise<void>;
}

export interface HandsOptions {
  ports: Ports;
  owner: Owner;
  macs: MacTable;
  settings: () => SwitchSettings;
  patchSettings: (patch: SwitchPatch) => Promise<unknown>;
  logics: Logics;
}

export function handsOf({ ports, owner, macs, settings, patchSettings, logics }: HandsOptions): Hands {
  return {
    wish: () => {
      const all = ports.registry.all().filter(({ wishedBy }) => wishedBy === 'configuration');
      const wished = all.map((record) => {
        return wishedPort(record.request, record.attachment.identity.mac, record.settings);
      });
      return inOrder({ switch: settings(), ports: wished, fdb: macs.given(), logics: logics.wished() });
    },
    defaults: {
      offloads: (kind) => ports.offloads(kind),
      mtu: (name) => ports.registry.get(name).attachment.netdevMtu,
    },
    machineProblems: (added, removed) => machineProblems(owner, added, removed),
    addPort: (request, restoring) => ports.add(asRequest(request), { orLost: restoring }),
    changePort: (name, patch, createNetns) => ports.patch(name, patch, createNetns),
    removePort: (name) => ports.remove(name),
    setSwitch: patchSettings,
    giveEntry: (entry, restoring) => void macs.give(entry, { evenIfIdle: restoring }),
    removeEntry: ({ vlan, mac }) => {
      // It may have aged or been pushed out since the actions were decided on.
      macs.forget(vlan, mac);
    },
    lookAtLogics: (wanted) => lookAtLogics(wanted, logics.wished()),
    setLogics: (wished, restoring) => logics.become(wished, restoring),
  };
}
