import { Validator } from "@cfworker/json-schema";
import type { RJSFSchema, ValidatorType } from "@rjsf/utils";

/**
 * What the forms ask about schemas while they are drawn. It compiles nothing, so the content security policy needs no
 * `unsafe-eval`. What a person enters is checked by the server, which alone knows every rule.
 */
const validator: ValidatorType = {
  isValid: (schema, data, root) => {
    const whole = { ...root, ...schema } as ConstructorParameters<typeof Validator>[0];
    return new Validator(whole, "2020-12").validate(data).valid;
  },
  validateFormData: () => ({ errors: [], errorSchema: {} }),
  rawValidation: (schema: RJSFSchema, data) => ({
    errors: new Validator(schema as ConstructorParameters<typeof Validator>[0], "2020-12").validate(data)
      .errors as never[],
  }),
};

export default validator;
