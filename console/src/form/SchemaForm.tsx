import { List, Stack, Text } from "@mantine/core";
import { withTheme } from "@rjsf/core";
import { Theme } from "@rjsf/mantine";
import { deepEquals, getDefaultFormState, type RJSFSchema } from "@rjsf/utils";
import { type ReactNode, useMemo, useState } from "react";
import type { ConfigError } from "../api";
import { Banner } from "../shell/Banner";
import { errorsByField, shownSchema, uiSchema } from "./presentation";
import { ResourceWidget } from "./ResourceWidget";
import { AddButton, DescriptionFieldTemplate, TitleFieldTemplate } from "./templates";
import validator from "./validator";
import {
  CheckboxWidget,
  ChoicesWidget,
  InputTemplate,
  PasswordWidget,
  RadioWidget,
  TextsWidget,
} from "./widgets";

const Form = withTheme({
  templates: {
    ...Theme.templates,
    BaseInputTemplate: InputTemplate,
    DescriptionFieldTemplate,
    TitleFieldTemplate,
    ButtonTemplates: { ...Theme.templates?.ButtonTemplates, AddButton },
  },
  widgets: {
    ...Theme.widgets,
    CheckboxWidget,
    PasswordWidget,
    RadioWidget,
    choices: ChoicesWidget,
    resource: ResourceWidget,
    texts: TextsWidget,
  },
});

/** An empty list stays empty until somebody puts something in. */
const FILLING = { arrayMinItems: { populate: "never" } } as const;

interface Props {
  schema: object;
  value: unknown;
  /** What the server found wrong with it. */
  errors?: ConfigError[];
  /** The pointers of secrets that are stored and not shown. */
  secrets?: string[];
  readOnly?: boolean;
  onChanged?: (changed: boolean) => void;
  onSubmit: (value: unknown) => void;
  /** What stands below the fields, with the button that submits. */
  children: ReactNode;
}

/** A form for a JSON Schema. It checks nothing itself: the server does, and its errors stand beside their fields. */
export default function SchemaForm(props: Props) {
  const { schema, value, errors, secrets = [], readOnly, onChanged, onSubmit, children } = props;
  const shown = useMemo(() => shownSchema(schema as RJSFSchema), [schema]);
  // What it begins with: what is stored, or the choices that have no empty field.
  const [begun] = useState(() => getDefaultFormState(validator, shown, value, shown, false, FILLING));
  const [data, setData] = useState<unknown>(begun);
  const ui = useMemo(() => uiSchema(schema as RJSFSchema, secrets), [schema, secrets]);
  const { byField, elsewhere } = useMemo(() => errorsByField(schema as RJSFSchema, errors), [schema, errors]);
  return (
    <Form
      schema={shown}
      uiSchema={ui}
      validator={validator}
      formData={data}
      extraErrors={byField}
      showErrorList={false}
      noValidate
      noHtml5Validate
      experimental_defaultFormStateBehavior={FILLING}
      readonly={readOnly}
      idPrefix="field"
      onChange={({ formData }) => {
        setData(formData);
        onChanged?.(!deepEquals(formData, begun));
      }}
      onSubmit={({ formData }) => onSubmit(formData ?? {})}
    >
      <Stack mt="lg">
        {errors && errors.length > 0 && (
          <Banner
            tone="bad"
            title={`Nothing was stored: ${errors.length === 1 ? "one thing is" : `${errors.length} things are`} wrong`}
            urgent
          >
            {elsewhere.length > 0 ? (
              <List size="sm">
                {elsewhere.map(({ pointer, keyword, message }) => (
                  <List.Item key={`${pointer}${keyword}`}>
                    {pointer} {message}
                  </List.Item>
                ))}
              </List>
            ) : (
              <Text size="sm">Each stands beside its field.</Text>
            )}
          </Banner>
        )}
        {children}
      </Stack>
    </Form>
  );
}
