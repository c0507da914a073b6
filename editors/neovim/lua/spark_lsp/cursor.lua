--- Tells the server where the cursor rests, so that the engine reads ahead there; LSP has no message for that.
local M = {}

local api = vim.api
local REST = 200 -- milliseconds without a move

---@type uv.uv_timer_t?
local timer

--- Send the cursor's position, if the buffer has a server.
---@param bufnr integer
local function send(bufnr)
  local client = require('spark_lsp').client(bufnr)
  if not client or not api.nvim_buf_is_loaded(bufnr) or api.nvim_get_current_buf() ~= bufnr then
    return
  end
  local position = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local argument = { uri = position.textDocument.uri, position = position.position }
  client:request('workspace/executeCommand', { command = 'spark.cursor', arguments = { argument } }, function() end, bufnr)
end

--- Follow the cursor in all buffers. The server learns of typing by itself.
---@param group integer
function M.watch(group)
  timer = timer or assert(vim.uv.new_timer())
  api.nvim_create_autocmd({ 'BufEnter', 'CursorMoved', 'InsertEnter' }, {
    group = group,
    callback = function(event)
      timer:start(REST, 0, vim.schedule_wrap(function()
        send(event.buf)
      end))
    end,
  })
end

return M
