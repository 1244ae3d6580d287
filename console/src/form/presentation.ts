import type { ErrorSchema, RJSFSchema, UiSchema } from "@rjsf/utils";
import type { ConfigError } from "../api";

/** The member by which a schema says that a text is the id of a resource of this kind. */
const RESOURCE = "x-phasegate-resource";

/** The kind of resource that a field names, if it names any. */
export function resourceKind(schema: RJSFSchema): string | undefined {
  const items = typeof schema.items === "object" && !Array.isArray(schema.items) ? schema.items : {};
  const kind = (schema as Record<string, unknown>)[RESOURCE] ?? (items as Record<string, unknown>)[RESOURCE];
  return typeof kind === "string" ? kind : undefined;
}

/**
 * The schema as the form takes it. A default is shown as what holds where nothing is given, and is not entered by
 * itself: nothing is stored that nobody chose. Yes or no and choices have no empty field, so theirs is entered.
 */
export function shownSchema(schema: RJSFSchema): RJSFSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    if (typeof property === "boolean") {
      return [name, property];
    }
    const { default: preset, examples, ...rest } = property;
    const kept = property.type === "boolean" || property.enum !== undefined;
    return [name, kept ? { ...rest, default: preset } : rest];
  });
  // The title is that of the dialog.
  const { title: _, $schema: __, ...rest } = schema;
  return { ...rest, properties: Object.fromEntries(properties) };
}

/** What the schema's keywords say to a person, and which widget a field has. */
export function uiSchema(schema: RJSFSchema, secrets: string[]): UiSchema {
  const required = schema.required ?? [];
  const names = Object.keys(schema.properties ?? {});
  const ui: UiSchema = { "ui:order": [...names].sort((a, b) => order(required, a) - order(required, b)) };
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (typeof property === "boolean") {
      continue;
    }
    const stored = secrets.includes(`/${name}`);
    ui[name] = {
      "ui:description": [property.description, bounds(property)].filter(Boolean).join(" "),
      "ui:placeholder": stored ? "stored; leave empty to keep it" : placeholder(property),
      ...(widget(property) && { "ui:widget": widget(property) }),
    };
  }
  return ui;
}

/** Which of our widgets a field has; another than the form's own choice only where that is better. */
function widget(schema: RJSFSchema): string | undefined {
  if (resourceKind(schema)) {
    return "resource";
  }
  if (schema.writeOnly) {
    return "password";
  }
  if (schema.enum && schema.enum.length < 5) {
    return "radio";
  }
  const items = schema.items;
  if (
    schema.type !== "array" ||
    typeof items !== "object" ||
    Array.isArray(items) ||
    items.type !== "string"
  ) {
    return undefined;
  }
  return items.enum ? "choices" : "texts";
}

const order = (required: string[], name: string) =>
  required.includes(name) ? required.indexOf(name) : required.length;

function placeholder({ default: preset, examples, type }: RJSFSchema): string | undefined {
  if (preset !== undefined && typeof preset !== "object") {
    return `${preset} unless given`;
  }
  const example = Array.isArray(examples) ? examples[0] : undefined;
  if (example === undefined || type === "array" || type === "object") {
    return undefined;
  }
  return `for example ${example}`;
}

function bounds(schema: RJSFSchema): string | undefined {
  const whole = new Intl.NumberFormat("en");
  const { minimum, maximum, minItems, maxItems, minLength, maxLength, type } = schema;
  if ((type === "integer" || type === "number") && (minimum !== undefined || maximum !== undefined)) {
    return maximum === undefined
      ? `At least ${whole.format(minimum ?? 0)}.`
      : `${whole.format(minimum ?? 0)} to ${whole.format(maximum)}.`;
  }
  if (type === "array" && maxItems !== undefined) {
    return `${minItems ?? 0} to ${maxItems} entries.`;
  }
  if (type === "string" && maxLength !== undefined && !schema.enum && !resourceKind(schema)) {
    return minLength
      ? `${minLength} to ${whole.format(maxLength)} characters.`
      : `At most ${whole.format(maxLength)} characters.`;
  }
  return undefined;
}

/** The server's errors, each at its field; those that have none there are given back beside. */
export function errorsByField(schema: RJSFSchema, errors: ConfigError[] = []) {
  const byField: Record<string, unknown> = {};
  const elsewhere: ConfigError[] = [];
  for (const error of errors) {
    const path = error.pointer
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const [field] = path;
    const property = field === undefined ? undefined : schema.properties?.[field];
    if (field === undefined || typeof property !== "object") {
      elsewhere.push(error);
      continue;
    }
    // A list that is picked from is one field.
    const parts = resourceKind(property) ? [field] : path;
    let place = byField;
    for (const part of parts) {
      place[part] ??= {};
      place = place[part] as Record<string, unknown>;
    }
    place.__errors = [...((place.__errors as string[] | undefined) ?? []), error.message];
  }
  return { byField: byField as ErrorSchema, elsewhere };
}
