/** The settings of a switch that nobody has set anything of, and how a patch changes settings; pure. */
import {
  AGEING_SECONDS_DEFAULT,
  BUSY_POLL_MICROS_DEFAULT,
  FDB_LIMIT_DEFAULT,
  LOOP_HOLD_SECONDS_DEFAULT,
  MAC_MOVE_HOLD_SECONDS_DEFAULT,
  MAC_MOVE_LIMIT_DEFAULT,
} from '../limits.ts';
import type { SwitchPatch, SwitchSettings } from './model.ts';

export const SETTINGS_DEFAULT: Readonly<SwitchSettings> = {
  ageingSeconds: AGEING_SECONDS_DEFAULT,
  fdbLimit: FDB_LIMIT_DEFAULT,
  reservedAddresses: { forward: [], drop: [] },
  macMoveLimit: MAC_MOVE_LIMIT_DEFAULT,
  macMoveHoldSeconds: MAC_MOVE_HOLD_SECONDS_DEFAULT,
  loopProtection: true,
  loopHoldSeconds: LOOP_HOLD_SECONDS_DEFAULT,
  busyPollMicros: BUSY_POLL_MICROS_DEFAULT,
};

export function patchedSettings(settings: SwitchSettings, patch: SwitchPatch): SwitchSettings {
  const reservedAddresses = { ...settings.reservedAddresses, ...patch.reservedAddresses };
  return { ...settings, ...patch, reservedAddresses };
}
