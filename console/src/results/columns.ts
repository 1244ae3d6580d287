/** What a record that is no object stands under. */
const VALUE = "value";

type Members = Record<string, unknown>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The columns of some records: their members, and those of members that are objects, in the order they occur. */
export function columnsOf(items: unknown[]): string[] {
  const columns = new Set<string>();
  for (const item of items) {
    if (!isObject(item)) {
      columns.add(VALUE);
      continue;
    }
    for (const [name, member] of Object.entries(item)) {
      if (isObject(member)) {
        for (const inner of Object.keys(member)) {
          columns.add(`${name}.${inner}`);
        }
      } else {
        columns.add(name);
      }
    }
  }
  return [...columns];
}

/** A record's text in a column. */
export function cell(item: unknown, column: string): string {
  if (!isObject(item)) {
    return column === VALUE ? text(item) : "";
  }
  if (column in item) {
    return text(item[column]);
  }
  const dot = column.indexOf(".");
  const member = item[column.slice(0, dot)];
  return isObject(member) ? text(member[column.slice(dot + 1)]) : "";
}

function text(value: unknown): string {
  if (value === null || value === undefined) {
    return "";
  }
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) {
    return value.join(", ");
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
