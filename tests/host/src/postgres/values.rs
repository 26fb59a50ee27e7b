//! Values on their way to PostgreSQL and back: the types that Farebox uses. Others are an error on the way there, and
//! bytes on the way back.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use crate::bindings::spin::postgres::postgres::{Column, DbDataType, DbValue, Error, ParameterValue};

/// A value that can be sent.
pub(super) type Parameter = Box<dyn ToSql + Sync + Send>;

/// A parameter as the library takes it.
///
/// # Errors
/// It is of a type that this host does not know.
pub(super) fn to_sql(value: ParameterValue) -> Result<Parameter, Error> {
    Ok(match value {
        ParameterValue::Boolean(value) => Box::new(value),
        ParameterValue::Int8(value) => Box::new(value),
        ParameterValue::Int16(value) => Box::new(value),
        ParameterValue::Int32(value) => Box::new(value),
        ParameterValue::Int64(value) => Box::new(value),
        ParameterValue::Floating32(value) => Box::new(value),
        ParameterValue::Floating64(value) => Box::new(value),
        ParameterValue::Str(value) => Box::new(value),
        ParameterValue::Binary(value) => Box::new(value),
        ParameterValue::ArrayInt32(value) => Box::new(value),
        ParameterValue::ArrayInt64(value) => Box::new(value),
        ParameterValue::ArrayStr(value) => Box::new(value),
        ParameterValue::Jsonb(value) => Box::new(Jsonb(value)),
        ParameterValue::DbNull => Box::new(Null),
        other => return Err(Error::BadParameter(format!("farebox-spin-host does not know how to send {other:?}"))),
    })
}

/// The columns of a row.
pub(super) fn columns(row: &Row) -> Vec<Column> {
    let column = |column: &tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        data_type: data_type(column.type_()),
    };
    row.columns().iter().map(column).collect()
}

fn data_type(kind: &Type) -> DbDataType {
    match *kind {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::JSONB => DbDataType::Jsonb,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        _ => DbDataType::Other(kind.name().to_owned()),
    }
}

/// A row's values.
///
/// # Errors
/// The server sent what does not fit its own type.
pub(super) fn from_row(row: &Row) -> Result<Vec<DbValue>, Error> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| match *column.type_() {
        Type::BOOL => get(row, index, DbValue::Boolean),
        Type::BYTEA => get(row, index, DbValue::Binary),
        Type::FLOAT4 => get(row, index, DbValue::Floating32),
        Type::FLOAT8 => get(row, index, DbValue::Floating64),
        Type::INT2 => get(row, index, DbValue::Int16),
        Type::INT4 => get(row, index, DbValue::Int32),
        Type::INT8 => get(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => get(row, index, DbValue::Str),
        Type::JSONB => get(row, index, |Jsonb(value)| DbValue::Jsonb(value)),
        Type::INT4_ARRAY => get(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => get(row, index, DbValue::ArrayInt64),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => get(row, index, DbValue::ArrayStr),
        _ => get(row, index, |Raw(value)| DbValue::Unsupported(value)),
    };
    row.columns().iter().enumerate().map(value).collect()
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize, make: impl Fn(T) -> DbValue) -> Result<DbValue, Error> {
    let value: Option<T> = row.try_get(index).map_err(|error| Error::ValueConversionFailed(format!("{error:?}")))?;
    Ok(value.map_or(DbValue::DbNull, make))
}

type Failure = Box<dyn StdError + Sync + Send>;

/// Nothing, of any type.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Failure> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// JSON as it stands, behind the version byte that PostgreSQL puts before it.
#[derive(Debug)]
struct Jsonb(Vec<u8>);

const JSONB_VERSION: u8 = 1;

impl ToSql for Jsonb {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        out.extend_from_slice(&[JSONB_VERSION]);
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }

    to_sql_checked!();
}

impl FromSql<'_> for Jsonb {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        let json = raw.strip_prefix(&[JSONB_VERSION]).ok_or("an unknown version of jsonb")?;
        Ok(Self(json.to_vec()))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }
}

/// What is of a type that nobody here knows.
struct Raw(Vec<u8>);

impl FromSql<'_> for Raw {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
