//! Options of the connectors that ingest from queues, and how messages are read.

use super::{
    pipeline_connectors::SchemaEvolutionMode,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of Kafka. Exactly one of `topics` and `topic_pattern` is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct KafkaOptions {
    /// Options of the client, which the service does not support.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "credentials are often passed this way"}))]
    pub client_config: Option<Settings>,
    /// How the key of a message is read. Unset: as bytes.
    pub key_transformer: Option<Transformer>,
    /// The most messages at a time.
    pub max_offsets_per_trigger: Option<i64>,
    /// Where reading begins: `earliest` or `latest`.
    #[schemars(extend("x-plumb" = {"default": "latest", "why": "databricks-sdk-py pipelines.KafkaOptions: latest unless set"}))]
    pub starting_offset: Option<String>,
    /// A regular expression for topics.
    pub topic_pattern: Option<String>,
    /// The topics.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each topic is read by itself"}))]
    pub topics: Option<Vec<String>>,
    /// How the value of a message is read. Unset: as bytes.
    pub value_transformer: Option<Transformer>,
}

/// Options of RabbitMQ.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RabbitmqOptions {
    /// The queue.
    pub queue: String,
}

/// How bytes become data.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Transformer {
    /// Options of Avro.
    pub avro_options: Option<AvroTransformerOptions>,
    /// The format of the bytes.
    pub format: Option<WireFormat>,
    /// The column to read, when not the message's own.
    pub input_column: Option<String>,
    /// Options of JSON.
    pub json_options: Option<JsonTransformerOptions>,
    /// The column to write, when not the one that is read.
    pub output_column: Option<String>,
    /// Options of Protocol Buffers.
    pub protobuf_options: Option<ProtobufTransformerOptions>,
}

/// A format of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum WireFormat {
    #[serde(rename = "AVRO")]
    Avro,
    #[serde(rename = "JSON")]
    Json,
    #[serde(rename = "PROTOBUF")]
    Protobuf,
    #[serde(rename = "STRING")]
    String,
}

/// Options of Avro.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AvroTransformerOptions {
    /// What becomes of a message that cannot be read.
    #[schemars(extend("x-plumb" = {"default": "PERMISSIVE", "why": "databricks-sdk-py pipelines.AvroTransformerOptions: PERMISSIVE unless set"}))]
    pub parse_mode: Option<ParseMode>,
    /// The schema, as JSON.
    pub schema: Option<String>,
    /// The path of a file with the schema.
    pub schema_file_path: Option<String>,
    /// The registry that has the schema.
    pub schema_registry: Option<SchemaRegistryConfig>,
}

/// What becomes of a message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ParseMode {
    #[serde(rename = "FAILFAST")]
    Failfast,
    #[serde(rename = "PERMISSIVE")]
    Permissive,
}

/// Options of JSON.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JsonTransformerOptions {
    /// Whether the whole becomes one column.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.JsonTransformerOptions: an optional flag"}))]
    pub as_variant: Option<bool>,
    /// The schema, as Spark writes it.
    pub schema: Option<String>,
    /// What becomes of new columns.
    pub schema_evolution_mode: Option<SchemaEvolutionMode>,
    /// The path of a file with the schema.
    pub schema_file_path: Option<String>,
    /// Types of single columns.
    pub schema_hints: Option<String>,
}

/// Options of Protocol Buffers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ProtobufTransformerOptions {
    /// The path of the descriptor file.
    pub desc_file_path: Option<String>,
    /// The full name of the message's type.
    pub message_name: Option<String>,
    /// What becomes of a message that cannot be read.
    #[schemars(extend("x-plumb" = {"default": "PERMISSIVE", "why": "databricks-sdk-py pipelines.ProtobufTransformerOptions: PERMISSIVE unless set"}))]
    pub parse_mode: Option<ParseMode>,
    /// How deep fields that contain themselves are read: -1 refuses them, 0 drops them, 10 at most.
    pub recursive_fields_max_depth: Option<i64>,
    /// The registry that has the schema.
    pub schema_registry: Option<SchemaRegistryConfig>,
}

/// A registry of schemas.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SchemaRegistryConfig {
    /// Options of a registry that is Confluent's or like it.
    pub confluent_options: Option<ConfluentSchemaRegistryOptions>,
    /// The connection of Unity Catalog that leads to it, when not the source's.
    pub connection_name: Option<String>,
    /// The message's type, where a schema has several. Unset: the first.
    pub protobuf_message_name: Option<String>,
}

/// Options of a registry that is Confluent's or like it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ConfluentSchemaRegistryOptions {
    /// The subject.
    pub subject: Option<String>,
}
