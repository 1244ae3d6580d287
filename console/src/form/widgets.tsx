import {
  Checkbox,
  MultiSelect,
  NumberInput,
  PasswordInput,
  Radio,
  Stack,
  TagsInput,
  TextInput,
} from "@mantine/core";
import type { BaseInputTemplateProps, WidgetProps } from "@rjsf/utils";

/** What every input takes from the form; the input itself links its description and its error. */
export function field(props: WidgetProps | BaseInputTemplateProps) {
  const { id, label, hideLabel, options, schema, required, disabled, readonly, placeholder, rawErrors } =
    props;
  return {
    id,
    name: id,
    label: hideLabel ? undefined : label,
    "aria-label": hideLabel ? label : undefined,
    description: options.description ?? schema.description,
    required,
    disabled: disabled || readonly,
    placeholder,
    error: rawErrors && rawErrors.length > 0 ? rawErrors.join(" ") : undefined,
  };
}

/** A text or a number. Nothing is bent into bounds while it is typed: the server says what is wrong with it. */
export function InputTemplate(props: BaseInputTemplateProps) {
  const { schema, value, onChange } = props;
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <NumberInput
        {...field(props)}
        value={value ?? ""}
        onChange={(number) => onChange(number === "" ? undefined : number)}
        allowDecimal={schema.type === "number"}
        clampBehavior="none"
        hideControls
      />
    );
  }
  return (
    <TextInput
      {...field(props)}
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange(currentTarget.value === "" ? undefined : currentTarget.value)}
      autoComplete="off"
      spellCheck={false}
    />
  );
}

export function PasswordWidget(props: WidgetProps) {
  const { value, onChange } = props;
  return (
    <PasswordInput
      {...field(props)}
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange(currentTarget.value === "" ? undefined : currentTarget.value)}
      autoComplete="new-password"
      visibilityToggleButtonProps={{ "aria-label": "Show what is typed" }}
    />
  );
}

export function CheckboxWidget(props: WidgetProps) {
  const { required: _, placeholder: __, ...rest } = field(props);
  return (
    <Checkbox
      {...rest}
      checked={props.value === true}
      onChange={({ currentTarget }) => props.onChange(currentTarget.checked)}
    />
  );
}

export function RadioWidget(props: WidgetProps) {
  const { options, onChange, value } = props;
  const { placeholder: _, disabled, ...rest } = field(props);
  const choices = options.enumOptions ?? [];
  return (
    <Radio.Group
      {...rest}
      value={value === undefined ? null : String(value)}
      onChange={(chosen) => onChange(choices.find((choice) => String(choice.value) === chosen)?.value)}
    >
      <Stack gap={8} mt={6}>
        {choices.map((choice) => (
          <Radio
            key={String(choice.value)}
            value={String(choice.value)}
            label={choice.label}
            disabled={disabled}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}

/** The list of what can be picked stands where the field does, so that it belongs to the dialog of it. */
export const LIST = { withinPortal: false };

/** Lets a field be emptied by keyboard as well. */
export const emptying = (label: string) => ({ "aria-label": label, "aria-hidden": false, tabIndex: 0 });

/** Some of a few texts that the schema names. */
export function ChoicesWidget(props: WidgetProps) {
  const { schema, value, onChange } = props;
  const items = typeof schema.items === "object" && !Array.isArray(schema.items) ? schema.items : {};
  return (
    <MultiSelect
      {...field(props)}
      data={(items.enum ?? []).map(String)}
      value={Array.isArray(value) ? value : []}
      onChange={(chosen) => onChange(chosen.length === 0 ? undefined : chosen)}
      clearable
      clearButtonProps={emptying("Choose none")}
      comboboxProps={LIST}
    />
  );
}

/** A list of texts, each entered with Enter. */
export function TextsWidget(props: WidgetProps) {
  const { value, onChange } = props;
  return (
    <TagsInput
      {...field(props)}
      placeholder="Enter adds one"
      value={Array.isArray(value) ? value : []}
      onChange={(texts) => onChange(texts.length === 0 ? undefined : texts)}
      acceptValueOnBlur
      clearable
      clearButtonProps={emptying("Remove all")}
      comboboxProps={LIST}
    />
  );
}
