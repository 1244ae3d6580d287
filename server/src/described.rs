//! Types that describe themselves, where the OpenAPI document asks for a name.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::JsonSchema;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Names `T` in a route or in a shape. [`components`](crate::components) has the schema.
pub struct Described<T>(PhantomData<T>);

impl<T> PartialSchema for Described<T> {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::default())
    }
}

impl<T: JsonSchema> ToSchema for Described<T> {
    fn name() -> Cow<'static, str> {
        T::schema_name()
    }
}

pub type Mode = Described<phasegate::Mode>;

/// Names a retry policy as it is given: what is left out has a default.
pub struct RetryPolicy;

impl RetryPolicy {
    /// The name of its component.
    pub const NAME: &str = "RetryPolicyToSet";
}

impl PartialSchema for RetryPolicy {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::default())
    }
}

impl ToSchema for RetryPolicy {
    fn name() -> Cow<'static, str> {
        Self::NAME.into()
    }
}
