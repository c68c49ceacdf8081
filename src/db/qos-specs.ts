// Why: the rows of QoS specs, which types of volumes have.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';
import type { Texts } from './volumes.ts';

export interface StoredQos {
  readonly id: string;
  readonly name: string;
  readonly consumer: string;
  readonly specs: Texts;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const qosNoun = defineNoun<StoredQos>({
  table: 'qos_specs',
  columns: {
    id: ['id', 'text'],
    name: ['name', 'text'],
    consumer: ['consumer', 'text'],
    specs: ['specs', 'json'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

/** All of them; an administrator makes them, so there are few. */
export async function allQos(reader: Reader): Promise<StoredQos[]> {
  return qosNoun.fromRows(await reader('qos_specs').select(qosNoun.columns).orderBy(['created_at', 'id']));
}

export const findQos = (reader: Reader, id: string): Promise<StoredQos | null> => findRow(reader, qosNoun, { id });

export async function insertQos(tx: Tx, qos: StoredQos): Promise<void> {
  await insertRow(tx, qosNoun, qos);
}

export async function updateQos(tx: Tx, id: string, fields: Partial<StoredQos>): Promise<void> {
  await updateRows(tx, qosNoun, { id }, fields);
}

export async function deleteQosRow(tx: Tx, id: string): Promise<void> {
  await tx('qos_specs').where({ id }).delete();
}
